import type { ByteBuffer } from "../../../formats/byte-buffer.ts";
import { equalBytes, prefixRange, trailingU32, trailingU64 } from "../../../formats/bytes.ts";
import { decodeTxid } from "../../../formats/depot-head.ts";
import { pageKey, pagesPrefix, shardPrefix } from "../../../formats/depot-keys.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { decodeLtx, type LtxBlock } from "../../../formats/ltx.ts";
import type { KeyValue } from "../../../store/store.ts";
import type { BlockBatch } from "../../pages.ts";
import { pulled } from "../../pulled.ts";
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
import { type Delta, DeltaCache } from "./delta-cache.ts";

/** A branch as it is read: up to its head, or up to any txid while it is staged. */
export interface BranchView {
  readonly branch: Uint8Array;
  readonly pageCount: number;
  /** Rows of later txids are not there yet for a reader. */
  readonly headTxid: bigint;
}

/** The blocks of a shard's pages that are in a DELTA or a SHARD, by page number. */
interface ShardBlocks extends ReadShard {
  readonly blocks: ReadonlyMap<number, Uint8Array>;
}

/**
 * Reads the blocks of a branch's pages as the engine's reader does (DEPOT §5.1): a page from the DELTA that PIDX names, else from the newest SHARD
 * up to the head. Where the engine would give a page of zeros in silence, because a page is in neither, this asks `missing`, and throws.
 * @throws FormatError `page_missing`, `pidx_invalid`, `delta_invalid`, `ltx_invalid`
 */
export async function* readBranchBlocks(
  rows: ImageRows,
  view: BranchView,
  { firstPgno = 1, missing = () => Promise.resolve(undefined) }: Omit<ReadOptions, "stage"> = {},
): AsyncGenerator<BlockBatch, void, undefined> {
  const begin = shardBegin(firstPgno);
  const memories = blobMemories(view.pageCount);
  const deltas = new DeltaCache(view.branch, memories);
  yield* readByShards(walkShards(readPidx(rows, view, begin), view.pageCount, begin), {
    memories,
    read: (outlines) => readTogether(rows, view, outlines, deltas),
    blocksOf: (shard) => blocksOf(shard, missing),
  });
}

async function blocksOf(
  { firstPgno, endPgno, txidOf, blocks }: ShardBlocks,
  missing: MissingBlock,
): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (let pgno = firstPgno; pgno < endPgno; pgno += 1) {
    const txid = txidOf.get(pgno);
    const block = blocks.get(pgno) ?? (txid === undefined ? await missing(pgno) : undefined);
    if (block === undefined) {
      throw new FormatError("page_missing", "A page of the Depot image is in no DELTA and no SHARD.", {
        pgno,
        txid: txid?.toString(),
      });
    }
    all.push(block);
  }
  return all;
}

/** Reads shards in one transaction where they come to little: where they have one DELTA each, as Ferry writes them. */
async function readTogether(
  rows: ImageRows,
  view: BranchView,
  outlines: readonly ShardOutline[],
  deltas: DeltaCache,
): Promise<ShardBlocks[]> {
  const readAll = async (from: Rows): Promise<ShardBlocks[]> => {
    const reads = outlines.map(async (outline) => readShardBlocks(from, view, outline, deltas));
    // Where one fails its transaction is tried again, and would find in the cache what others still read in the one that has ended.
    await Promise.allSettled(reads);
    return Promise.all(reads);
  };
  const isLittle = outlines.every((outline) => isCovered(outline) && new Set(outline.txidOf.values()).size === 1);
  return isLittle ? rows.together(readAll) : readAll(rows);
}

async function readShardBlocks(
  rows: Rows,
  view: BranchView,
  outline: ShardOutline,
  deltas: DeltaCache,
): Promise<ShardBlocks> {
  const { txidOf } = outline;
  const shard = isCovered(outline) ? [] : await readShard(rows, view, shardNumber(outline));
  const blocks = new Map(shard.filter(({ pgno }) => !txidOf.has(pgno)).map(({ pgno, block }) => [pgno, block]));
  const memories: ByteBuffer[] = [];
  for (const txid of new Set(txidOf.values())) {
    const delta = await deltas.read(rows, txid);
    const isOwn = delta !== undefined && isWithin(delta, outline);
    if (isOwn) {
      deltas.forget(txid);
      memories.push(delta.memory);
    }
    for (const [pgno, of] of txidOf) {
      const block = of === txid ? delta?.blocks.get(pgno) : undefined;
      if (block !== undefined) {
        // A blob that other shards want as well is not kept alive by what this one wants of it.
        blocks.set(pgno, isOwn ? block : block.slice());
      }
    }
  }
  return { ...outline, blocks, memories };
}

/** Whether no other shard has pages in a blob. */
function isWithin({ firstPgno, lastPgno }: Delta, outline: ShardOutline): boolean {
  return (firstPgno ?? outline.firstPgno) >= outline.firstPgno && (lastPgno ?? 0) < outline.endPgno;
}

function readPidx(rows: Rows, view: BranchView, begin: number): AsyncIterable<readonly PageRun[]> {
  const prefix = pagesPrefix(view.branch);
  const all = prefixRange(prefix);
  const range = begin === 1 ? all : { ...all, begin: pageKey(view.branch, begin) };
  const batches = rows.getRange(range)[Symbol.asyncIterator]();
  return pulled(
    async () => {
      const batch = await batches.next();
      return batch.done === true ? undefined : runsOf(batch.value, prefix, view.headTxid);
    },
    async () => batches.return?.(),
  );
}

/** What rows of PIDX say, those of later txids left out. */
function runsOf(rows: readonly KeyValue[], prefix: Uint8Array, headTxid: bigint): PageRun[] {
  const runs: PageRun[] = [];
  // Pages of one DELTA follow one another, and its txid is decoded once.
  let last: { readonly value: Uint8Array; readonly txid: bigint } | undefined;
  for (const { key, value } of rows) {
    const pgno = trailingU32(key, prefix);
    if (pgno === undefined || pgno === 0 || value.length !== 8) {
      throw new FormatError("pidx_invalid", "A PIDX row's key is not a page number or its value not a txid.");
    }
    if (last === undefined || !equalBytes(last.value, value)) {
      last = { value, txid: decodeTxid(value) };
    }
    const { txid } = last;
    if (txid <= headTxid) {
      addPage(runs, pgno, txid);
    }
  }
  return runs;
}

/** The newest version of a shard up to the head, one value whatever its size. */
async function readShard(rows: Rows, view: BranchView, shard: number): Promise<readonly LtxBlock[]> {
  const prefix = shardPrefix(view.branch, shard);
  let newest: Uint8Array | undefined;
  for await (const batch of rows.getRange(prefixRange(prefix))) {
    for (const row of batch) {
      const txid = trailingU64(row.key, prefix);
      newest = txid !== undefined && txid <= view.headTxid ? row.value : newest;
    }
  }
  return newest === undefined ? [] : decodeLtx(newest).blocks;
}
