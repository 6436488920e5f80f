import { ByteBuffer } from "../../formats/byte-buffer.ts";
import { SHARD_PAGES } from "../../formats/db-head.ts";
import { Pool } from "../../formats/pool.ts";

/** Shards read in one transaction: about a megabyte where nothing compresses. */
const SHARDS_TOGETHER = 4;
/** Such transactions ahead of their use. */
export const READ_AHEAD = 2;
/** Room for each page of a blob of which half compresses to little. */
const ROOM_FOR_PAGE_BYTES = 2_800;

/** What the blobs of shards are put together in while an image of so many pages is read, each used again. */
export function blobMemories(pageCount: number): Pool<ByteBuffer> {
  const roomBytes = Math.min(pageCount, SHARD_PAGES) * ROOM_FOR_PAGE_BYTES;
  return new Pool(() => new ByteBuffer(0, roomBytes), SHARDS_TOGETHER * (READ_AHEAD + 1));
}

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

/** A few shards at a time. */
export async function* shardsTogether(
  outlines: AsyncGenerator<ShardOutline, void, undefined>,
): AsyncGenerator<readonly ShardOutline[], void, undefined> {
  let together: ShardOutline[] = [];
  for await (const outline of outlines) {
    together.push(outline);
    if (together.length === SHARDS_TOGETHER) {
      yield together;
      together = [];
    }
  }
  if (together.length > 0) {
    yield together;
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
