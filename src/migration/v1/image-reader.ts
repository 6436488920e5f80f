import type { ActorId } from "../../formats/actor-id.ts";
import { actorKvSubspace } from "../../formats/actor-kv.ts";
import { FormatError } from "../../formats/format-error.ts";
import type { Slab } from "../../formats/slab.ts";
import { SlabPool } from "../../formats/slab.ts";
import { FILE_TAG, V1_CHUNK_BYTES } from "../../formats/v1-file.ts";
import type { Store } from "../../store/store.ts";
import { inOrder } from "../in-order.ts";
import type { PageBatch } from "../pages.ts";
import { EntryReader } from "./entry-reader.ts";
import { ChunkSequence } from "./v1-checks.ts";
import { fileChunkSpan } from "./v1-keys.ts";

/** Chunks read in one transaction: 1 MiB, far from the 5 s window, and the unit of memory. */
const SPAN_CHUNKS = 256;
/** Transactions reading ahead of the batch in use. */
const READ_AHEAD = 3;
/** No chunk is as long; an entry that goes on beyond it is not read to its end. */
const MAX_ENTRY_BYTES = 1024 * 1024;

/**
 * Reads the main file of a large actor page by page, over many transactions: the caller proves that the actor slept throughout.
 * @throws FormatError `chunk_missing`, `chunk_unexpected`, `chunk_oversized`, `entry_corrupt`, as soon as it gets there.
 */
export async function* readV1Image(
  store: Store,
  id: ActorId,
  imageBytes: number,
  signal: AbortSignal,
): AsyncGenerator<PageBatch, void, undefined> {
  const chunkCount = Math.ceil(imageBytes / V1_CHUNK_BYTES);
  const slabs = new SlabPool(Math.min(chunkCount, SPAN_CHUNKS) * V1_CHUNK_BYTES, READ_AHEAD);
  const spans: (() => Promise<SpanBatch>)[] = [];
  for (let first = 0; first < chunkCount || first === 0; first += SPAN_CHUNKS) {
    const end = first + SPAN_CHUNKS < chunkCount ? first + SPAN_CHUNKS : Number.MAX_SAFE_INTEGER;
    spans.push(async () => {
      const slab = slabs.take();
      return { slab, ...(await readSpan(store, id, { imageBytes, slab, first, end }, signal)) };
    });
  }
  for await (const { firstPgno, pages, slab } of inOrder(spans, READ_AHEAD)) {
    if (pages.length > 0) {
      yield { firstPgno, pages };
    }
    slabs.give(slab);
  }
}

/** A batch and the memory of its pages. */
interface SpanBatch extends PageBatch {
  readonly slab: Slab;
}

async function readSpan(
  store: Store,
  id: ActorId,
  span: { imageBytes: number; slab: Slab; first: number; end: number },
  signal: AbortSignal,
): Promise<PageBatch> {
  const { slab } = span;
  return store.transact(
    async (tx) => {
      // Of an attempt before.
      slab.clear();
      const entries = new EntryReader(actorKvSubspace(id));
      const chunks = new ChunkSequence(span.imageBytes, span);
      const pages: Uint8Array[] = [];
      // Snapshot: a conflict with a writer would only cost a retry; what proves the copy is the finalize transaction.
      const range = fileChunkSpan(id, FILE_TAG.main, span.first, span.end);
      for await (const rows of tx.getRange(range, { snapshot: true, lent: true })) {
        // Checked as they come: the first wrong chunk ends the reading, however many follow it.
        for (const entry of entries.push(rows)) {
          pages.push(slab.copyOf(chunks.push(entry)));
        }
        if (entries.pendingBytes > MAX_ENTRY_BYTES) {
          throw new FormatError("chunk_oversized", "A chunk of the database is longer than 4,096 bytes.", {
            bytes: entries.pendingBytes,
          });
        }
        entries.keep();
      }
      entries.end();
      chunks.end();
      return { firstPgno: span.first + 1, pages };
    },
    { label: "read_v1", signal },
  );
}
