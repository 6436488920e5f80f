/**
 * Bytes that can be read at any place: a file, an actor's v1 chunks, a buffer.
 *
 * `read` gives exactly the bytes asked for, and fewer only where the source ends. A source may be asked several things at once, and may
 * throw when it cannot give what its size promises (a missing chunk): recovery asks only for what the image is made of.
 */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Bytes in memory as a source; reads are views. */
export class MemorySource implements ByteSource {
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.size = bytes.length;
    this.#bytes = bytes;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(this.#bytes.subarray(offset, offset + length));
  }
}
