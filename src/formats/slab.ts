import { concatBytes } from "./bytes.ts";

/** What is written over the arrays of a slab that is cleared: neither zeros, which pages have many of, nor text. */
const WIPED = 0xdb;

/**
 * Memory of one piece that many byte arrays are put into, one after the other, and that is used again as a whole: what passes in
 * megabytes must not be made and dropped, as V8 lets tens of megabytes of dropped arrays stand before it collects them.
 *
 * Whoever holds a slab says until when its arrays are good. They are wiped then, so that one that is kept is wrong always, and in every
 * test, and not only when its memory happens to be used again.
 */
export class Slab {
  readonly #bytes: Uint8Array;
  #used = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** A copy of these bytes: in the slab, or in memory of its own where the slab is full. */
  copyOf(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (this.#used + length > this.#bytes.length) {
      return concatBytes(bytes);
    }
    const copy = this.#bytes.subarray(this.#used, this.#used + length);
    copy.set(bytes);
    this.#used += length;
    return copy;
  }

  /** Ends all arrays that were made. */
  clear(): void {
    this.#bytes.fill(WIPED, 0, this.#used);
    this.#used = 0;
  }
}
