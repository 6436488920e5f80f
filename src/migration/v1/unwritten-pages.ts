import { assertFormatError } from "../../formats/format-error.ts";
import { lockingPage } from "../../formats/journal.ts";
import { Freelist } from "../../formats/sqlite-freelist.ts";
import { assertSqliteImage, PAGE_BYTES } from "../../formats/sqlite-header.ts";
import type { ByteSource } from "../recovery/byte-source.ts";

/*
 * Chunks that a sound database need not have. SQLite writes neither the page of its locks, at byte 1 GiB, nor a page that a transaction
 * added to the file and gave to the freelist again, as a leaf; v1 has chunks of what was written, and zeros for the rest. See
 * docs/decisions/pages-that-sqlite-never-wrote.md.
 */

/** One-based; no table uses it. */
const LOCK_BYTE_PAGE = lockingPage(PAGE_BYTES);

/** Tells the chunks that SQLite never wrote from those that are lost. The freelist is read when it is first asked for, and then kept. */
export class UnwrittenPages {
  readonly #image: ByteSource;
  #freelist: Promise<Freelist | undefined> | undefined;

  /** @param image the very image that the chunks are missing in. It must throw a FormatError where it has no chunk. */
  constructor(image: ByteSource) {
    this.#image = image;
  }

  /** The first of these chunks, by their indices, that was written and is lost; undefined when all are pages of zeros. */
  async firstLost(missing: readonly number[]): Promise<number | undefined> {
    if (missing.every((index) => isUnwritten(index))) {
      return undefined;
    }
    this.#freelist ??= readFreelist(this.#image);
    const freelist = await this.#freelist;
    return missing.find((index) => !isUnwritten(index, freelist));
  }
}

/** The same in an image of `imageBytes` of which all pages are here, as far as they are not missing. */
export function firstLostOf(
  missing: readonly number[],
  pages: readonly Uint8Array[],
  imageBytes: number,
): number | undefined {
  const isMissing = new Set(missing);
  const freelist = freelistOf((index) => (isMissing.has(index) ? undefined : pages[index]), imageBytes);
  return missing.find((index) => !isUnwritten(index, freelist));
}

function isUnwritten(index: number, freelist?: Freelist): boolean {
  return index + 1 === LOCK_BYTE_PAGE || freelist?.isLeaf(index + 1) === true;
}

/** Undefined where a trunk is missing or the image is none that Ferry carries. */
async function readFreelist(image: ByteSource): Promise<Freelist | undefined> {
  try {
    const freelist = beginFreelist(await image.read(0, PAGE_BYTES), image.size);
    for (let trunk = freelist.nextTrunk; trunk !== undefined; trunk = freelist.nextTrunk) {
      freelist.addTrunk(await image.read((trunk - 1) * PAGE_BYTES, PAGE_BYTES));
    }
    return freelist;
  } catch (error) {
    // A freelist that cannot be read is none to believe; why, is said of the chunk that is missing.
    assertFormatError(error);
    return undefined;
  }
}

function freelistOf(pageAt: (index: number) => Uint8Array | undefined, imageBytes: number): Freelist | undefined {
  try {
    const freelist = beginFreelist(pageAt(0) ?? new Uint8Array(0), imageBytes);
    for (let trunk = freelist.nextTrunk; trunk !== undefined; trunk = freelist.nextTrunk) {
      const page = pageAt(trunk - 1);
      if (page === undefined) {
        return undefined;
      }
      freelist.addTrunk(page);
    }
    return freelist;
  } catch (error) {
    // A freelist that cannot be read is none to believe; why, is said of the chunk that is missing.
    assertFormatError(error);
    return undefined;
  }
}

/** Only of what is whole pages of 4,096 bytes: else a chunk is no page. @throws FormatError */
function beginFreelist(page1: Uint8Array, imageBytes: number): Freelist {
  assertSqliteImage(page1, imageBytes);
  return new Freelist(page1, imageBytes / PAGE_BYTES);
}
