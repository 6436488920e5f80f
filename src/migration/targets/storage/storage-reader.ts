import type { ActorId } from "../../../formats/actor-id.ts";
import type { ByteBuffer } from "../../../formats/byte-buffer.ts";
import { trailingU32, viewOf } from "../../../formats/bytes.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { decodeLtx, LtxDecoder, type LtxBlock } from "../../../formats/ltx.ts";
import type { Pool } from "../../../formats/pool.ts";
import { assertPieces, decodeSplitHead, physicalKey, piecePrefix } from "../../../formats/split-value.ts";
import { deltaTxidPrefix, pidxKey, pidxPrefix, shardKey, V2_SUBSPACE } from "../../../formats/v2-keys.ts";
import type { KeyValue } from "../../../store/store.ts";
import type { BlockBatch } from "../../pages.ts";
import type { ImageRows, Rows } from "../../rows.ts";
import { blobMemories, readByShards, type ReadShard } from "../read-by-shards.ts";
import {
  addPage,
  isCovered,
  type PageRun,
  shardBegin,
  shardNumber,
  walkShards,
  type ShardOutline,
} from "../shard-walk.ts";
import type { MissingBlock, ReadOptions } from "../target.ts";
import { logicalRange, piecesRange } from "./storage-rows.ts";

const NO_BLOCKS: ReadonlyMap<number, Uint8Array> = new Map();

/** The same with the shard's own blocks, where a page is in no DELTA. */
interface ShardPlan extends ReadShard {
  readonly shardBlocks: ReadonlyMap<number, Uint8Array>;
}

/**
 * Reads an image as v2's reader does: page p from the DELTA that PIDX names, else from SHARD p/64. In page order, so that a DELTA
 * blob of any size is passed through once, with the memory of one of its pieces.
 */
export async function* readStorageBlocks(
  rows: ImageRows,
  id: ActorId,
  pageCount: number,
  { firstPgno = 1, missing }: ReadOptions = {},
): AsyncGenerator<BlockBatch, void, undefined> {
  const begin = shardBegin(firstPgno);
  const deltas = new Map<bigint, DeltaCursor>();
  const memories = blobMemories(pageCount);
  const cursorOf = (txid: bigint): DeltaCursor => {
    const cursor = deltas.get(txid) ?? new DeltaCursor(rows, id, txid);
    deltas.set(txid, cursor);
    return cursor;
  };
  try {
    yield* readByShards(walkShards(readPidx(rows, id, begin), pageCount, begin), {
      memories,
      read: (outlines) => readTogether(rows, id, outlines, memories),
      blocksOf: (plan) => blocksOf(plan, (pgno, txid) => cursorOf(txid).seek(pgno), missing),
    });
    for (const cursor of deltas.values()) {
      await cursor.drain();
    }
  } finally {
    await Promise.all([...deltas.values()].map(async (cursor) => cursor.close()));
  }
}

async function blocksOf(
  plan: ShardPlan,
  seekIn: (pgno: number, txid: bigint) => Promise<Uint8Array | undefined>,
  missing: MissingBlock = () => Promise.resolve(undefined),
): Promise<Uint8Array[]> {
  const blocks: Uint8Array[] = [];
  for (let pgno = plan.firstPgno; pgno < plan.endPgno; pgno += 1) {
    const txid = plan.txidOf.get(pgno);
    const block = txid === undefined ? (plan.shardBlocks.get(pgno) ?? (await missing(pgno))) : await seekIn(pgno, txid);
    if (block === undefined) {
      throw new FormatError("page_missing", "A page of the v2 image is in no DELTA and no SHARD.", { pgno });
    }
    blocks.push(block);
  }
  return blocks;
}

async function readTogether(
  rows: ImageRows,
  id: ActorId,
  outlines: readonly ShardOutline[],
  memories: Pool<ByteBuffer>,
): Promise<ShardPlan[]> {
  const coveredPlan = (outline: ShardOutline): ShardPlan => ({ ...outline, shardBlocks: NO_BLOCKS, memories: [] });
  const planOf = async (from: Rows, outline: ShardOutline): Promise<ShardPlan> => {
    if (isCovered(outline)) {
      return coveredPlan(outline);
    }
    const memory = memories.take();
    const shardBlocks = await readShard(from, id, shardNumber(outline), memory);
    return { ...outline, shardBlocks, memories: [memory] };
  };
  // What PIDX covers needs no transaction.
  return outlines.every(isCovered)
    ? outlines.map(coveredPlan)
    : rows.together(async (from) => Promise.all(outlines.map(async (outline) => planOf(from, outline))));
}

async function* readPidx(rows: Rows, id: ActorId, begin: number): AsyncGenerator<readonly PageRun[], void, undefined> {
  const prefix = physicalKey(V2_SUBSPACE, pidxPrefix(id));
  const all = logicalRange(pidxPrefix(id));
  const range = begin === 1 ? all : { ...all, begin: physicalKey(V2_SUBSPACE, pidxKey(id, begin)) };
  for await (const batch of rows.getRange(range)) {
    const runs: PageRun[] = [];
    for (const row of batch) {
      const pgno = trailingU32(row.key, prefix);
      const head = decodeSplitHead(row.value);
      if (pgno === undefined || head.kind !== "inline" || head.value.length !== 8) {
        throw new FormatError("pidx_invalid", "A PIDX row's key is not a page number or its value not a txid.");
      }
      addPage(runs, pgno, viewOf(head.value).getBigUint64(0));
    }
    yield runs;
  }
}

/** The blocks of a shard: views of `memory` where it is split in pieces. */
async function readShard(
  rows: Rows,
  id: ActorId,
  shard: number,
  memory: ByteBuffer,
): Promise<ReadonlyMap<number, Uint8Array>> {
  const key = shardKey(id, shard);
  const [row, pieces] = await Promise.all([rows.get(physicalKey(V2_SUBSPACE, key)), appendPieces(rows, key, memory)]);
  if (row === undefined) {
    return NO_BLOCKS;
  }
  const head = decodeSplitHead(row);
  if (head.kind === "split") {
    assertPieces(head, pieces);
  }
  const { blocks } = decodeLtx(head.kind === "inline" ? head.value : memory.peek().subarray(0, head.bytes));
  return new Map(blocks.map(({ pgno, block }) => [pgno, block]));
}

/** Puts the pieces of a value one after the other; returns their lengths, up to the first that is missing. */
async function appendPieces(rows: Rows, logicalKey: Uint8Array, memory: ByteBuffer): Promise<number[]> {
  const prefix = piecePrefix(V2_SUBSPACE, logicalKey);
  const lengths: number[] = [];
  for await (const batch of rows.getRange(piecesRange(logicalKey), { into: (length) => memory.appendRoom(length) })) {
    for (const { key, value } of batch) {
      if (trailingU32(key, prefix) !== lengths.length) {
        return lengths;
      }
      lengths.push(value.length);
    }
  }
  return lengths;
}

/** Goes through one DELTA's blocks in order. */
class DeltaCursor {
  readonly #blocks: AsyncGenerator<LtxBlock, void, undefined>;
  #current: LtxBlock | undefined;

  constructor(rows: Rows, id: ActorId, txid: bigint) {
    this.#blocks = readDelta(rows, id, txid);
  }

  /** The block of the page with this number, or undefined when the blob has none; numbers must rise from call to call. */
  async seek(pgno: number): Promise<Uint8Array | undefined> {
    while (this.#current === undefined || this.#current.pgno < pgno) {
      const next = await this.#blocks.next();
      if (next.done === true) {
        return undefined;
      }
      this.#current = next.value;
    }
    return this.#current.pgno === pgno ? this.#current.block : undefined;
  }

  /** Reads on to the blob's end, so that its page index and footer are checked too. */
  async drain(): Promise<void> {
    for await (const _ of this.#blocks) {
      // Only a right blob comes to its end.
    }
  }

  async close(): Promise<void> {
    await this.#blocks.return();
  }
}

async function* readDelta(rows: Rows, id: ActorId, txid: bigint): AsyncGenerator<LtxBlock, void, undefined> {
  const decoder = new LtxDecoder();
  const prefix = physicalKey(V2_SUBSPACE, deltaTxidPrefix(id, txid));
  let chunk = 0;
  for await (const batch of rows.getRange(logicalRange(deltaTxidPrefix(id, txid)))) {
    for (const row of batch) {
      if (trailingU32(row.key, prefix) !== chunk) {
        throw new FormatError("rows_missing", "A DELTA has a chunk missing.", { txid: txid.toString(), chunk });
      }
      chunk += 1;
      for await (const bytes of readChunk(rows, row)) {
        yield* decoder.push(bytes);
      }
    }
  }
  decoder.end();
}

/** One DELTA chunk in parts. */
async function* readChunk(rows: Rows, row: KeyValue): AsyncGenerator<Uint8Array, void, undefined> {
  const head = decodeSplitHead(row.value);
  if (head.kind === "inline") {
    yield head.value;
    return;
  }
  const logicalKey = row.key.subarray(V2_SUBSPACE.length);
  const prefix = piecePrefix(V2_SUBSPACE, logicalKey);
  const missing = (piece: number): FormatError =>
    new FormatError("rows_missing", "A DELTA chunk has a piece missing.", { pieces: head.pieces, piece });
  let bytes = 0;
  let found = 0;
  for await (const pieces of rows.getRange(piecesRange(logicalKey, head.pieces))) {
    for (const piece of pieces) {
      if (trailingU32(piece.key, prefix) !== found) {
        throw missing(found);
      }
      bytes += piece.value.length;
      found += 1;
      yield piece.value;
    }
  }
  if (found < head.pieces) {
    throw missing(found);
  }
  if (bytes !== head.bytes) {
    throw new FormatError("split_value_invalid", "A DELTA chunk's pieces do not add up to its length.", {
      bytes,
      expected: head.bytes,
    });
  }
}
