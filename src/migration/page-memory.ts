import { MOST_BLOCK_BYTES } from "../formats/page-codec.ts";
import { Pool } from "../formats/pool.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";

/** Pages of a memory of the pool: 512 KiB, the unit in which large images pass through a process. */
export const MEMORY_PAGES = 128;
/** Kept for later: a few images under way need no more. */
const MOST_FREE = 8;

/** What is written into memory that is given back: neither zeros, which pages have many of, nor text. */
const WIPED = 0xdb;
const WIPED_BYTES = 64;

/**
 * Memory for the pages of a part of an image, which the codec's thread sees as well: pages are read into it, and their blocks take their
 * place. It is used again as a whole: what passes in megabytes must not be made and dropped, as V8 lets tens of megabytes of dropped arrays
 * stand before it collects them.
 */
export class PageMemory {
  readonly bytes: SharedArrayBuffer;
  /** How many there is room for. */
  readonly pages: number;
  /** Where the first page is: blocks can be longer than pages, and must not overtake them where they take their place. */
  readonly begin: number;
  /** Views of each page, made once: made anew for each image they outlive young generations, and stand until a full collection. */
  readonly #views: readonly Uint8Array[];
  #used = 0;

  constructor(pages: number) {
    this.bytes = new SharedArrayBuffer(pages * MOST_BLOCK_BYTES);
    this.pages = pages;
    this.begin = pages * (MOST_BLOCK_BYTES - PAGE_BYTES);
    this.#views = Array.from(
      { length: pages },
      (_, index) => new Uint8Array(this.bytes, this.begin + index * PAGE_BYTES, PAGE_BYTES),
    );
  }

  /** Room for the next page; undefined when all of it is used. */
  room(): Uint8Array | undefined {
    const page = this.#views[this.#used];
    this.#used += page === undefined ? 0 : 1;
    return page;
  }

  /** Whether these are the pages in it, from the first on. */
  holds(pages: readonly Uint8Array[]): boolean {
    return pages.every((page, index) => page === this.#views[index]);
  }

  /** Puts blocks in the place of pages, from the start on. */
  setBlocks(blocks: readonly Uint8Array[]): void {
    const bytes = new Uint8Array(this.bytes);
    let offset = 0;
    for (const block of blocks) {
      bytes.set(block, offset);
      offset += block.length;
    }
  }

  /** Blocks of these lengths, one after the other from the start on. */
  blocks(lengths: readonly number[]): Uint8Array[] {
    let offset = 0;
    return lengths.map((length) => {
      offset += length;
      return new Uint8Array(this.bytes, offset - length, length);
    });
  }

  /** Ends all that was read into it: pages are spoilt, so that one that is kept is wrong always, and in every test. */
  clear(): void {
    for (const page of this.#views.slice(0, this.#used)) {
      page.fill(WIPED, 0, WIPED_BYTES);
    }
    this.#used = 0;
  }
}

/** Memories of `MEMORY_PAGES`, for all images of the process: what one was read into, another is read back from. */
export const pageMemories = new Pool(() => new PageMemory(MEMORY_PAGES), MOST_FREE);
