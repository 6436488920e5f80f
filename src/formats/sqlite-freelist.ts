import { viewOf } from "./bytes.ts";

/*
 * The freelist of a SQLite database: pages that nothing uses, https://www.sqlite.org/fileformat2.html §1.5 and §1.3.
 *
 *   page 1   20  bytes reserved at the end of every page, u8
 *            32  first trunk page, u32 BE, 0 for none
 *            36  pages on the list, trunks and leaves together, u32 BE
 *   trunk     0  next trunk page, u32 BE, 0 for none
 *             4  leaves of this trunk, u32 BE, at most usable bytes / 4 - 2
 *             8  page number of each leaf, u32 BE
 *
 * A trunk has content; a leaf has none that SQLite looks at.
 */

const RESERVED_AT = 20;
const FIRST_TRUNK_AT = 32;
const LISTED_PAGES_AT = 36;
const LEAVES_AT = 8;
const MAX_PAGE_NUMBER = 0xffff_fffe;

/**
 * A freelist, put together from page 1 and the trunks that it asks for one after the other. Page numbers are one-based.
 *
 * It is `isWhole`, and only then believed, when it ends, lists as many pages as page 1 says, each once and each from 2 to the page
 * count, and no trunk has more leaves than fit. It ends at the first thing that is wrong, so that no content makes it ask for ever.
 */
export class Freelist {
  readonly #pageCount: number;
  readonly #maxLeaves: number;
  readonly #expectedPages: number;
  /** Pages that are on the list, trunks and leaves: none may be there twice. */
  readonly #listed: PageSet;
  readonly #leaves: PageSet;
  #listedPages = 0;
  #nextTrunk = 0;
  #isDamaged = false;

  /** @param page1 a whole page, of a database of `pageCount` pages as large. */
  constructor(page1: Uint8Array, pageCount: number) {
    const view = viewOf(page1);
    this.#maxLeaves = Math.floor((page1.length - view.getUint8(RESERVED_AT)) / 4) - 2;
    this.#expectedPages = view.getUint32(LISTED_PAGES_AT);
    this.#pageCount = Math.min(pageCount, MAX_PAGE_NUMBER);
    // Asked before memory is taken for it: page 1 is on no list, so one of all pages is too long.
    const isPossible = this.#expectedPages < this.#pageCount;
    this.#isDamaged = !isPossible;
    this.#listed = new PageSet(isPossible ? this.#pageCount : 0);
    this.#leaves = new PageSet(isPossible ? this.#pageCount : 0);
    this.#follow(view.getUint32(FIRST_TRUNK_AT));
  }

  /** The trunk that `addTrunk` is to be given next; undefined when there is none, or the list is damaged. */
  get nextTrunk(): number | undefined {
    return this.#isDamaged || this.#nextTrunk === 0 ? undefined : this.#nextTrunk;
  }

  get isWhole(): boolean {
    return !this.#isDamaged && this.#nextTrunk === 0 && this.#listedPages === this.#expectedPages;
  }

  /** Takes the whole page that `nextTrunk` named. */
  addTrunk(page: Uint8Array): void {
    const view = viewOf(page);
    const leafCount = view.getUint32(4);
    if (leafCount > this.#maxLeaves) {
      this.#isDamaged = true;
      return;
    }
    for (let index = 0; index < leafCount && !this.#isDamaged; index += 1) {
      const leaf = view.getUint32(LEAVES_AT + 4 * index);
      this.#list(leaf);
      this.#leaves.add(leaf);
    }
    this.#follow(view.getUint32(0));
  }

  /** Whether a list that is whole has this page as a leaf. */
  isLeaf(pageNumber: number): boolean {
    return this.isWhole && this.#leaves.has(pageNumber);
  }

  #follow(trunk: number): void {
    this.#nextTrunk = trunk;
    if (trunk !== 0) {
      this.#list(trunk);
    }
  }

  #list(pageNumber: number): void {
    if (pageNumber < 2 || pageNumber > this.#pageCount || this.#listed.has(pageNumber)) {
      this.#isDamaged = true;
      return;
    }
    this.#listed.add(pageNumber);
    this.#listedPages += 1;
  }
}

/** Page numbers up to a largest one, at a bit each: 320 KiB for an image of 10 GiB. */
class PageSet {
  readonly #bits: Uint8Array;

  constructor(pageCount: number) {
    this.#bits = new Uint8Array(Math.floor(pageCount / 8) + 1);
  }

  has(pageNumber: number): boolean {
    return ((this.#bits[Math.floor(pageNumber / 8)] ?? 0) & (1 << (pageNumber % 8))) !== 0;
  }

  /** A number that is larger than the largest is left out. */
  add(pageNumber: number): void {
    const at = Math.floor(pageNumber / 8);
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (pageNumber % 8));
  }
}
