import { setImmediate } from "node:timers/promises";
import { InvariantError } from "../../errors.ts";
import type { ByteSource } from "./byte-source.ts";

const DEFAULT_BLOCK_BYTES = 1_048_576;

/**
 * Reads a source front to back in large blocks, of which it holds one. The event loop gets a turn between blocks, so that scanning
 * gigabytes that are already in memory does not stop the process's other work.
 */
export class ForwardReader {
  readonly #source: ByteSource;
  readonly #blockBytes: number;
  #block: Uint8Array = new Uint8Array(0);
  #blockOffset = 0;

  constructor(source: ByteSource, blockBytes = DEFAULT_BLOCK_BYTES) {
    this.#source = source;
    this.#blockBytes = blockBytes;
  }

  /** A view of exactly these bytes, valid until the next call; `undefined` when the source ends before. Offsets should not go back. */
  async read(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (offset + length > this.#source.size) {
      return undefined;
    }
    if (offset < this.#blockOffset || offset + length > this.#blockOffset + this.#block.length) {
      await this.#load(offset, length);
    }
    const start = offset - this.#blockOffset;
    return this.#block.subarray(start, start + length);
  }

  async #load(offset: number, length: number): Promise<void> {
    await setImmediate();
    this.#blockOffset = offset;
    this.#block = await readExactly(
      this.#source,
      offset,
      Math.min(Math.max(length, this.#blockBytes), this.#source.size - offset),
    );
  }
}

/** Bytes that lie inside the source. A source that gives fewer breaks its promise, and going on would invent data. */
export async function readExactly(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await source.read(offset, length);
  if (bytes.length !== length) {
    throw new InvariantError("a byte source gave fewer bytes than its size promises", {
      details: { offset, wanted: length, got: bytes.length, size: source.size },
    });
  }
  return bytes;
}
