const BLOCK_PAGES = 64;

/**
 * Where in a journal or log the newest content of each page lies: page number (from 1) to byte offset of the page's content.
 *
 * Blocks of 64 flat offsets: 8 bytes per page where pages lie together, so 22 MiB when all pages of a 10 GiB image are in it, against
 * some 130 MiB of a plain map. The worst case, one page per block, is 512 bytes for a page that took at least 520 in the journal.
 */
export class PageOverlay {
  readonly #blocks = new Map<number, Float64Array>();
  #size = 0;

  /** Distinct pages. */
  get size(): number {
    return this.#size;
  }

  /** Sets or replaces a page's offset; 0 is no possible offset, a header lies there. */
  set(pageNumber: number, offset: number): void {
    const key = Math.floor(pageNumber / BLOCK_PAGES);
    let block = this.#blocks.get(key);
    if (block === undefined) {
      block = new Float64Array(BLOCK_PAGES);
      this.#blocks.set(key, block);
    }
    const slot = pageNumber % BLOCK_PAGES;
    if (block[slot] === 0) {
      this.#size += 1;
    }
    block[slot] = offset;
  }

  get(pageNumber: number): number | undefined {
    const offset = this.#blocks.get(Math.floor(pageNumber / BLOCK_PAGES))?.[pageNumber % BLOCK_PAGES];
    return offset === 0 ? undefined : offset;
  }
}
