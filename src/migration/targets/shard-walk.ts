import { SHARD_PAGES } from "../../formats/db-head.ts";

/** The pages of one shard as PIDX names them: which txid holds which page. */
export interface ShardOutline {
  readonly firstPgno: number;
  /** One past the last. */
  readonly endPgno: number;
  readonly txidOf: ReadonlyMap<number, bigint>;
}

/** Rows of PIDX one after the other that name one txid: of pages `firstPgno` to `endPgno`, excluded. */
export interface PageRun {
  readonly firstPgno: number;
  endPgno: number;
  readonly txid: bigint;
}

/** Adds a row of PIDX to the runs before it. An image has a row for each page, and a few runs. */
export function addPage(runs: PageRun[], pgno: number, txid: bigint): void {
  const last = runs.at(-1);
  if (last?.endPgno === pgno && last.txid === txid) {
    last.endPgno += 1;
  } else {
    runs.push({ firstPgno: pgno, endPgno: pgno + 1, txid });
  }
}

/** Walks PIDX, in page order, beside the shards of pages `begin`, a shard's first, to `pageCount`. Ends PIDX's reading when it is ended. */
export async function* walkShards(
  pidx: AsyncIterable<readonly PageRun[]>,
  pageCount: number,
  begin = 1,
): AsyncGenerator<ShardOutline, void, undefined> {
  let shard = emptyOutline(begin, pageCount);
  for await (const runs of pidx) {
    for (const { firstPgno, endPgno, txid } of runs) {
      for (let pgno = firstPgno; pgno < endPgno; pgno += 1) {
        for (; pgno >= shard.endPgno && shard.firstPgno <= pageCount; shard = emptyOutline(shard.endPgno, pageCount)) {
          yield shard;
        }
        if (shard.firstPgno > pageCount) {
          return;
        }
        shard.txidOf.set(pgno, txid);
      }
    }
  }
  for (; shard.firstPgno <= pageCount; shard = emptyOutline(shard.endPgno, pageCount)) {
    yield shard;
  }
}

/** The outline of the shard that begins with a page, before anything is known of PIDX; `firstPgno` is past `pageCount` where there is none. */
function emptyOutline(firstPgno: number, pageCount: number): ShardOutline & { readonly txidOf: Map<number, bigint> } {
  return { firstPgno, endPgno: Math.min(nextShard(firstPgno), pageCount + 1), txidOf: new Map() };
}

/** Whether PIDX names every page, so that the SHARD row is not needed. */
export function isCovered({ firstPgno, endPgno, txidOf }: ShardOutline): boolean {
  return txidOf.size === endPgno - firstPgno;
}

/** The number of a shard, as in the keys of SHARD rows. */
export function shardNumber({ firstPgno }: ShardOutline): number {
  return Math.floor(firstPgno / SHARD_PAGES);
}

/** The first page of a page's shard. */
export function shardBegin(pgno: number): number {
  return Math.max(1, pgno - (pgno % SHARD_PAGES));
}

function nextShard(pgno: number): number {
  return (Math.floor(pgno / SHARD_PAGES) + 1) * SHARD_PAGES;
}
