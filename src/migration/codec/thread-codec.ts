import { InvariantError } from "../../errors.ts";
import { MOST_BLOCK_BYTES } from "../../formats/page-codec.ts";
import { PAGE_BYTES } from "../../formats/sqlite-header.ts";
import type { BorrowedBlocks, Codec, ImagePass } from "./codec.ts";
import { type CodecAnswer, roomBeforePages } from "./codec-protocol.ts";
import { CodecThread } from "./codec-thread.ts";

/** What goes to the thread at once at the most, as long as nobody hands in more: 256 pages, or their blocks. */
const BUFFER_BYTES = 256 * MOST_BLOCK_BYTES;
/** Buffers kept for later: a few images under way need no more. */
const MOST_FREE = 8;

/** Memory shared with the thread, used again and again, so that an image of any size passes through the same few megabytes. */
class Buffers {
  readonly #free: SharedArrayBuffer[] = [];

  take(bytes: number): SharedArrayBuffer {
    return bytes > BUFFER_BYTES
      ? new SharedArrayBuffer(bytes)
      : (this.#free.pop() ?? new SharedArrayBuffer(BUFFER_BYTES));
  }

  give(buffer: SharedArrayBuffer): void {
    if (buffer.byteLength === BUFFER_BYTES && this.#free.length < MOST_FREE) {
      this.#free.push(buffer);
    }
  }
}

/**
 * The codec in a thread of its own, one for the process: a page costs as much to compress, inflate and hash as to be read and written, so
 * that the two share the work, and the event loop is free for locks and leases meanwhile. Started by the first image that needs it.
 */
export class ThreadCodec implements Codec {
  readonly #buffers = new Buffers();
  #thread: CodecThread | undefined;
  #passes = 0;

  /** Starts the thread: what it costs does not depend on how many images are under way, and is seen before the first of them. */
  start(): void {
    this.#usableThread();
  }

  begin(): ImagePass {
    this.#passes += 1;
    return new ThreadPass(this.#usableThread(), this.#passes, this.#buffers);
  }

  /** Ends the thread; passes under way fail. May be called again. */
  async close(): Promise<void> {
    await this.#thread?.stop();
  }

  #usableThread(): CodecThread {
    if (this.#thread?.usable !== true) {
      this.#thread = new CodecThread();
    }
    return this.#thread;
  }
}

class ThreadPass implements ImagePass {
  readonly #thread: CodecThread;
  readonly #pass: number;
  readonly #buffers: Buffers;

  constructor(thread: CodecThread, pass: number, buffers: Buffers) {
    this.#thread = thread;
    this.#pass = pass;
    this.#buffers = buffers;
  }

  async compress(pages: readonly Uint8Array[]): Promise<BorrowedBlocks> {
    const bytes = this.#packed(pages, pages.length * PAGE_BYTES, roomBeforePages(pages.length));
    const answer = await this.#thread.ask({ op: "compress", pass: this.#pass, bytes, pages: pages.length });
    if (answer.kind !== "blocks") {
      throw unexpected(answer);
    }
    return this.#borrowed(answer);
  }

  async hash(pages: readonly Uint8Array[]): Promise<void> {
    const bytes = this.#packed(pages, pages.length * PAGE_BYTES);
    this.#takeBack(await this.#thread.ask({ op: "hash", pass: this.#pass, bytes, pages: pages.length }));
  }

  async inflate(blocks: readonly Uint8Array[]): Promise<void> {
    const lengths = blocks.map(({ length }) => length);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const bytes = this.#packed(blocks, total);
    this.#takeBack(await this.#thread.ask({ op: "inflate", pass: this.#pass, bytes, lengths }));
  }

  async digest(): Promise<string> {
    const answer = await this.#thread.ask({ op: "digest", pass: this.#pass });
    if (answer.kind !== "digest") {
      throw unexpected(answer);
    }
    return answer.sha256;
  }

  end(): void {
    this.#thread.tell({ op: "end", pass: this.#pass });
  }

  /** Parts one after the other, `begin` bytes from the start of a buffer. */
  #packed(parts: readonly Uint8Array[], totalBytes: number, begin = 0): SharedArrayBuffer {
    const buffer = this.#buffers.take(begin + totalBytes);
    const bytes = new Uint8Array(buffer);
    let offset = begin;
    for (const part of parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    return buffer;
  }

  #borrowed({ bytes, lengths }: Extract<CodecAnswer, { kind: "blocks" }>): BorrowedBlocks {
    let offset = 0;
    const blocks = lengths.map((length) => {
      offset += length;
      return new Uint8Array(bytes, offset - length, length);
    });
    let held: SharedArrayBuffer | undefined = bytes;
    return {
      blocks,
      release: () => {
        if (held !== undefined) {
          this.#buffers.give(held);
          held = undefined;
        }
      },
    };
  }

  #takeBack(answer: CodecAnswer): void {
    if (answer.kind !== "done") {
      throw unexpected(answer);
    }
    this.#buffers.give(answer.bytes);
  }
}

function unexpected({ kind }: CodecAnswer): InvariantError {
  return new InvariantError("the codec's thread answered something else than it was asked", { details: { kind } });
}
