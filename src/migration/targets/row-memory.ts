import type { LtxEncoder } from "../../formats/ltx.ts";
import { Pool } from "../../formats/pool.ts";
import { Slab } from "../../formats/slab.ts";

/** Pages of an image that comes to more than one transaction even where all pages are noise: a smaller one has arrays of their own. */
const LARGE_PAGES = 256;
/** Kept for later: as many as there are transactions under way. */
const MOST_FREE = 3;

/** Memory for the blobs of staged transactions: a piece for each, used again once its rows are committed. */
export class RowMemory {
  readonly #slabs: Pool<Slab> | undefined;
  #open: Slab | undefined;

  /** `transactionBytes`: the most that the blobs of one come to. */
  constructor(pageCount: number, transactionBytes: number) {
    this.#slabs = pageCount > LARGE_PAGES ? new Pool(() => new Slab(transactionBytes), MOST_FREE) : undefined;
  }

  /** All bytes that wait in an encoder, for the transaction that is put together. */
  take(encoder: LtxEncoder): Uint8Array {
    this.#open ??= this.#slabs?.take();
    const slab = this.#open;
    return slab === undefined ? encoder.take() : encoder.takeInto((bytes) => slab.copyOf(bytes));
  }

  /** Ends what belongs to one transaction; call the function that this gives once that is committed, or never. */
  close(): () => void {
    const slab = this.#open;
    this.#open = undefined;
    return () => {
      if (slab !== undefined) {
        this.#slabs?.give(slab);
      }
    };
  }
}
