import type { ActorId } from "../../formats/actor-id.ts";
import { InvariantError } from "../../errors.ts";
import { actorKvSubspace } from "../../formats/actor-kv.ts";
import { FormatError } from "../../formats/format-error.ts";
import { PAGE_BYTES } from "../../formats/sqlite-header.ts";
import { FILE_TAG, V1_CHUNK_BYTES } from "../../formats/v1-file.ts";
import type { KeyValue, Store } from "../../store/store.ts";
import { inOrder } from "../in-order.ts";
import { MEMORY_PAGES, type PageMemory, pageMemories } from "../page-memory.ts";
import type { HeldMemory, PageBatch } from "../pages.ts";
import { EntryReader } from "./entry-reader.ts";
import type { UnwrittenPages } from "./unwritten-pages.ts";
import { ChunkSequence, type TakePage } from "./v1-checks.ts";
import { fileChunkSpan } from "./v1-keys.ts";

/** Chunks read in one transaction: 512 KiB, far from the 5 s window. */
const SPAN_CHUNKS = MEMORY_PAGES;
/** Transactions reading ahead of the batch in use. */
const READ_AHEAD = 4;
/** No chunk is as long; an entry that goes on beyond it is not read to its end. */
const MAX_ENTRY_BYTES = 1024 * 1024;

/** The main file of an actor: its size in bytes, and what tells which of its chunks need not be there. */
export interface MainFile {
  readonly imageBytes: number;
  readonly unwritten: UnwrittenPages;
}

/**
 * Reads the main file of a large actor page by page, over many transactions: the caller proves that the actor slept throughout. Pages
 * that SQLite never wrote are zeros.
 * @throws FormatError `chunk_missing`, `chunk_unexpected`, `chunk_oversized`, `entry_corrupt`, as soon as it gets there.
 */
export async function* readV1Image(
  store: Store,
  id: ActorId,
  file: MainFile,
  signal: AbortSignal,
): AsyncGenerator<PageBatch, void, undefined> {
  const { imageBytes, unwritten } = file;
  const chunkCount = Math.ceil(imageBytes / V1_CHUNK_BYTES);
  const readings = function* (): Generator<() => Promise<SpanBatch>> {
    for (let first = 0; first < chunkCount || first === 0; first += SPAN_CHUNKS) {
      const end = first + SPAN_CHUNKS < chunkCount ? first + SPAN_CHUNKS : Number.MAX_SAFE_INTEGER;
      yield async () => {
        const memory = pageMemories.take();
        const read = await readSpan(store, id, { imageBytes, memory, first, end }, signal);
        await assertSound(read, unwritten);
        return { memory, firstPgno: first + 1, pages: read.pages };
      };
    }
  };
  for await (const { firstPgno, pages, memory } of inOrder(readings(), READ_AHEAD)) {
    const loan = new MemoryLoan(memory);
    if (pages.length > 0) {
      yield { firstPgno, pages, hold: () => loan.hold() };
    }
    loan.endUnlessHeld();
  }
}

/** A memory that someone else reads, and that the pool gets back once. */
class MemoryLoan {
  #memory: PageMemory | undefined;
  #isHeld = false;

  constructor(memory: PageMemory) {
    this.#memory = memory;
  }

  /** @throws InvariantError once the loan has ended. */
  hold(): HeldMemory {
    if (this.#memory === undefined) {
      throw new InvariantError("pages were to be kept after the next ones had been asked for");
    }
    this.#isHeld = true;
    return {
      memory: this.#memory,
      release: () => {
        this.#end();
      },
    };
  }

  endUnlessHeld(): void {
    if (!this.#isHeld) {
      this.#end();
    }
  }

  #end(): void {
    if (this.#memory !== undefined) {
      pageMemories.give(this.#memory);
      this.#memory = undefined;
    }
  }
}

/** What was read of a span, and the memory of its pages. */
interface SpanBatch extends PageBatch {
  readonly memory: PageMemory;
}

/** What one transaction sees of a span: its pages up to the first thing that is wrong there, if any. */
interface SpanRead {
  readonly pages: Uint8Array[];
  readonly chunks: ChunkSequence;
  readonly fault?: FormatError;
}

/** What is missing is said before what lies behind it; it is asked about after the transaction, which has no time for it. */
async function assertSound({ chunks, fault }: SpanRead, unwritten: UnwrittenPages): Promise<void> {
  if (chunks.missing.length > 0) {
    const lost = await unwritten.firstLost(chunks.missing);
    if (lost !== undefined) {
      throw chunks.missingChunk(lost);
    }
  }
  if (fault !== undefined) {
    throw fault;
  }
}

async function readSpan(
  store: Store,
  id: ActorId,
  span: { imageBytes: number; memory: PageMemory; first: number; end: number },
  signal: AbortSignal,
): Promise<SpanRead> {
  const { memory } = span;
  const into = (length: number): Uint8Array | undefined => (length === PAGE_BYTES ? memory.room() : undefined);
  return store.transact(
    async (tx) => {
      // Of an attempt before.
      memory.clear();
      const chunks = new ChunkSequence(span.imageBytes, span);
      const pages: Uint8Array[] = [];
      try {
        // Snapshot: a conflict with a writer would only cost a retry; what proves the copy is the finalize transaction.
        const range = fileChunkSpan(id, FILE_TAG.main, span.first, span.end);
        await readChunks(id, tx.getRange(range, { snapshot: true, into }), chunks, (page) => {
          pages.push(page);
        });
        return { pages, chunks };
      } catch (error) {
        if (error instanceof FormatError) {
          return { pages, chunks, fault: error };
        }
        throw error;
      }
    },
    { label: "read_v1", signal },
  );
}

/** Checks chunks as they come: the first wrong one ends the reading, however many follow it. */
async function readChunks(
  id: ActorId,
  batches: AsyncIterable<readonly KeyValue[]>,
  chunks: ChunkSequence,
  take: TakePage,
): Promise<void> {
  const entries = new EntryReader(actorKvSubspace(id));
  for await (const rows of batches) {
    for (const entry of entries.push(rows)) {
      chunks.push(entry, take);
    }
    if (entries.pendingBytes > MAX_ENTRY_BYTES) {
      throw new FormatError("chunk_oversized", "A chunk of the database is longer than 4,096 bytes.", {
        bytes: entries.pendingBytes,
      });
    }
  }
  entries.end();
  chunks.end(take);
}
