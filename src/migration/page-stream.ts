import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { PageBatch } from "./pages.ts";
import type { ByteSource } from "./recovery/byte-source.ts";

/**
 * Pages in order as bytes that are read once, from the start on: how SQLite's check takes an image over. It keeps pages while it asks for
 * more, so they must have memory of their own.
 */
export class PageStream implements ByteSource {
  readonly size: number;
  readonly #batches: AsyncGenerator<PageBatch, void, undefined>;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(batches: AsyncGenerator<PageBatch, void, undefined>, size: number) {
    this.#batches = batches;
    this.size = size;
  }

  /** Reads ahead of each other come in order, and are answered in order. */
  read(_offset: number, length: number): Promise<Uint8Array> {
    const read = this.#last.then(() => this.#next(length));
    this.#last = read.then(
      () => undefined,
      () => undefined,
    );
    return read;
  }

  async #next(length: number): Promise<Uint8Array> {
    while (this.#pendingBytes < length) {
      const next = await this.#batches.next();
      if (next.done === true) {
        break;
      }
      this.#pending.push(...next.value.pages);
      this.#pendingBytes += next.value.pages.length * PAGE_BYTES;
    }
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [bytes.subarray(length)];
    this.#pendingBytes = Math.max(0, bytes.length - length);
    return bytes.subarray(0, length);
  }

  async close(): Promise<void> {
    await this.#batches.return();
  }
}
