import { randomFillSync } from "node:crypto";

const POOL_BYTES = 4_096;

/** Random bytes, drawn from the system many at a time: 16 by themselves cost 5 µs, as much as a read of one key. */
export class RandomPool {
  readonly #pool = new Uint8Array(POOL_BYTES);
  #used = POOL_BYTES;

  /** New bytes, never given before; at most 4,096. */
  take(count: number): Uint8Array {
    if (this.#used + count > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    this.#used += count;
    return this.#pool.slice(this.#used - count, this.#used);
  }
}
