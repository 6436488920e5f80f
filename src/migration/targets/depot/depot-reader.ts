import { prefixRange } from "../../../formats/bytes.ts";
import { decodeTxid } from "../../../formats/depot-head.ts";
import { pageKey, pagesPrefix, shardPrefix, trailingInteger } from "../../../formats/depot-keys.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { decodeLtx } from "../../../formats/ltx.ts";
import { inOrder } from "../../in-order.ts";
import type { BlockBatch } from "../../pages.ts";
import type { Rows } from "../../rows.ts";
import { isCovered, shardBegin, shardNumber, walkShards, type ShardOutline } from "../shard-walk.ts";
import type { MissingBlock, ReadOptions } from "../target.ts";
import { DeltaCache } from "./delta-cache.ts";

/** Shards read ahead of their use. */
const READ_AHEAD = 4;

/** A branch as it is read: up to its head, or up to any txid while it is staged. */
export interface BranchView {
  readonly branch: Uint8Array;
  readonly pageCount: number;
  /** Rows of later txids are not there yet for a reader. */
  readonly headTxid: bigint;
}

/**
 * Reads the blocks of a branch's pages as the engine's reader does (DEPOT §5.1): a page from the DELTA that PIDX names, else from the newest SHARD
 * up to the head. Where the engine would give a page of zeros in silence, because a page is in neither, this asks `missing`, and throws.
 * @throws FormatError `page_missing`, `pidx_invalid`, `delta_invalid`, `ltx_invalid`
 */
export async function* readBranchBlocks(
  rows: Rows,
  view: BranchView,
  { firstPgno = 1, missing = () => Promise.resolve(undefined) }: Omit<ReadOptions, "stage"> = {},
): AsyncGenerator<BlockBatch, void, undefined> {
  const deltas = new DeltaCache(rows, view.branch);
  const begin = shardBegin(firstPgno);
  const tasks = mapped(
    walkShards(readPidx(rows, view, begin), view.pageCount, begin),
    (outline) => async () => readShardBlocks(rows, view, outline, { deltas, missing }),
  );
  yield* inOrder(tasks, READ_AHEAD);
}

async function readShardBlocks(
  rows: Rows,
  view: BranchView,
  outline: ShardOutline,
  { deltas, missing }: { deltas: DeltaCache; missing: MissingBlock },
): Promise<BlockBatch> {
  const { firstPgno, endPgno, txidOf } = outline;
  const shard = isCovered(outline) ? undefined : await readShard(rows, view, shardNumber(outline));
  const blocks: Uint8Array[] = [];
  for (let pgno = firstPgno; pgno < endPgno; pgno += 1) {
    const txid = txidOf.get(pgno);
    const block =
      txid === undefined ? (shard?.get(pgno) ?? (await missing(pgno))) : (await deltas.blocks(txid))?.get(pgno);
    if (block === undefined) {
      throw new FormatError("page_missing", "A page of the Depot image is in no DELTA and no SHARD.", {
        pgno,
        txid: txid?.toString(),
      });
    }
    blocks.push(block);
  }
  return { firstPgno, blocks };
}

async function* readPidx(
  rows: Rows,
  view: BranchView,
  begin: number,
): AsyncGenerator<{ pgno: number; txid: bigint }, void, undefined> {
  const prefix = pagesPrefix(view.branch);
  const all = prefixRange(prefix);
  const range = begin === 1 ? all : { ...all, begin: pageKey(view.branch, begin) };
  for await (const batch of rows.getRange(range)) {
    for (const row of batch) {
      const pgno = trailingInteger(row.key, prefix, 4);
      if (pgno === undefined || pgno === 0n || row.value.length !== 8) {
        throw new FormatError("pidx_invalid", "A PIDX row's key is not a page number or its value not a txid.");
      }
      const txid = decodeTxid(row.value);
      if (txid <= view.headTxid) {
        yield { pgno: Number(pgno), txid };
      }
    }
  }
}

/** The newest version of a shard up to the head, one value whatever its size. */
async function readShard(
  rows: Rows,
  view: BranchView,
  shard: number,
): Promise<ReadonlyMap<number, Uint8Array> | undefined> {
  const prefix = shardPrefix(view.branch, shard);
  let newest: Uint8Array | undefined;
  for await (const batch of rows.getRange(prefixRange(prefix))) {
    for (const row of batch) {
      const txid = trailingInteger(row.key, prefix, 8);
      newest = txid !== undefined && txid <= view.headTxid ? row.value : newest;
    }
  }
  return newest === undefined
    ? undefined
    : new Map(decodeLtx(newest).blocks.map(({ pgno, block }) => [pgno, block] as const));
}

async function* mapped<T, U>(source: AsyncIterable<T>, map: (item: T) => U): AsyncGenerator<U, void, undefined> {
  for await (const item of source) {
    yield map(item);
  }
}
