import { SHARD_PAGES } from "../../formats/db-head.ts";

/** The pages of one shard as PIDX names them: which txid holds which page. */
export interface ShardOutline {
  readonly firstPgno: number;
  /** One past the last. */
  readonly endPgno: number;
  readonly txidOf: ReadonlyMap<number, bigint>;
}

/** Walks PIDX, in page order, beside the shards of pages `begin`, a shard's first, to `pageCount`. Ends PIDX's reading when it is ended. */
export async function* walkShards(
  pidx: AsyncGenerator<{ pgno: number; txid: bigint }>,
  pageCount: number,
  begin = 1,
): AsyncGenerator<ShardOutline, void, undefined> {
  try {
    let next = await pidx.next();
    for (let firstPgno = begin; firstPgno <= pageCount; firstPgno = nextShard(firstPgno)) {
      const endPgno = Math.min(nextShard(firstPgno), pageCount + 1);
      const txidOf = new Map<number, bigint>();
      while (next.done !== true && next.value.pgno < endPgno) {
        txidOf.set(next.value.pgno, next.value.txid);
        next = await pidx.next();
      }
      yield { firstPgno, endPgno, txidOf };
    }
  } finally {
    await pidx.return(undefined);
  }
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
