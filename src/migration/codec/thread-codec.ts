import { InvariantError } from "../../errors.ts";
import type { BorrowedBlocks, Codec, ImagePass } from "./codec.ts";
import type { CodecAnswer } from "./codec-protocol.ts";
import { CodecThread } from "./codec-thread.ts";
import { MEMORY_PAGES, PageMemory, pageMemories } from "../page-memory.ts";

/**
 * The codec in a thread of its own, one for the process: a page costs as much to compress, inflate and hash as to be read and written, so
 * that the two share the work, and the event loop is free for locks and leases meanwhile. Started by the first image that needs it.
 */
export class ThreadCodec implements Codec {
  #thread: CodecThread | undefined;
  #passes = 0;

  /** Starts the thread: what it costs does not depend on how many images are under way, and is seen before the first of them. */
  start(): void {
    this.#usableThread();
  }

  begin(): ImagePass {
    this.#passes += 1;
    return new ThreadPass(this.#usableThread(), this.#passes);
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

  constructor(thread: CodecThread, pass: number) {
    this.#thread = thread;
    this.#pass = pass;
  }

  async compress(pages: readonly Uint8Array[], memory?: PageMemory): Promise<BorrowedBlocks> {
    if (memory?.holds(pages) === true) {
      return { blocks: await this.#compress(memory, pages.length), release: () => undefined };
    }
    const own = this.#withPages(pages);
    const blocks = await this.#compress(own, pages.length);
    let isHeld = true;
    return {
      blocks,
      release: () => {
        if (isHeld) {
          isHeld = false;
          this.#giveBack(own);
        }
      },
    };
  }

  async hash(pages: readonly Uint8Array[]): Promise<void> {
    const memory = this.#withPages(pages);
    const { bytes, begin } = memory;
    this.#assertDone(await this.#thread.ask({ op: "hash", pass: this.#pass, bytes, begin, pages: pages.length }));
    this.#giveBack(memory);
  }

  async inflate(blocks: readonly Uint8Array[]): Promise<void> {
    const parts: Promise<void>[] = [];
    for (let first = 0; first < blocks.length; first += MEMORY_PAGES) {
      parts.push(this.#inflate(blocks.slice(first, first + MEMORY_PAGES)));
    }
    await Promise.all(parts);
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

  async #inflate(blocks: readonly Uint8Array[]): Promise<void> {
    const memory = pageMemories.take();
    memory.setBlocks(blocks);
    const lengths = blocks.map(({ length }) => length);
    this.#assertDone(await this.#thread.ask({ op: "inflate", pass: this.#pass, bytes: memory.bytes, lengths }));
    pageMemories.give(memory);
  }

  async #compress(memory: PageMemory, pages: number): Promise<Uint8Array[]> {
    const { bytes, begin } = memory;
    const answer = await this.#thread.ask({ op: "compress", pass: this.#pass, bytes, begin, pages });
    if (answer.kind !== "blocks") {
      throw unexpected(answer);
    }
    return memory.blocks(answer.lengths);
  }

  #withPages(pages: readonly Uint8Array[]): PageMemory {
    const memory = this.#takeMemory(pages.length);
    for (const page of pages) {
      memory.room()?.set(page);
    }
    return memory;
  }

  #takeMemory(pages: number): PageMemory {
    return pages > MEMORY_PAGES ? new PageMemory(pages) : pageMemories.take();
  }

  /** A memory that a call did not come back from is left to the garbage collector. */
  #giveBack(memory: PageMemory): void {
    if (memory.pages === MEMORY_PAGES) {
      pageMemories.give(memory);
    }
  }

  #assertDone(answer: CodecAnswer): void {
    if (answer.kind !== "done") {
      throw unexpected(answer);
    }
  }
}

function unexpected({ kind }: CodecAnswer): InvariantError {
  return new InvariantError("the codec's thread answered something else than it was asked", { details: { kind } });
}
