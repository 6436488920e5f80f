import { SHARD_PAGES } from "../../../formats/db-head.ts";

/*
 * How Ferry lays an image out, DEPOT §5.3: txid k holds the pages of shard k - 1, txids 1, 2, 3 … without a gap. A page miss then
 * loads one shard, and no txid comes near the engine's own bounds of 500 keys and 2 MiB.
 */

/** Key and value bytes of one PIDX row. */
export const PAGE_ROW_BYTES = 29 + 8;
/** Of the COMMITS and the VTX row of one txid. */
export const TXID_ROWS_BYTES = 36 + 38 + (40 + 8);
/** Of META/head. */
export const HEAD_ROW_BYTES = 29 + 39;

/** The last txid of an image: an empty one has a txid too, with an empty DELTA. */
export function txidsOf(pageCount: number): number {
  return txidOfPage(pageCount);
}

/** The txid of a page. */
export function txidOfPage(pgno: number): number {
  return Math.floor(pgno / SHARD_PAGES) + 1;
}

/** The database's size in pages once txids 1 to `txid` are applied. */
export function pagesAfter(txid: number, pageCount: number): number {
  return Math.min(txid * SHARD_PAGES - 1, pageCount);
}

/** K14, DEPOT §2.6: keys and values of head, COMMITS, VTX, DELTA and PIDX rows; `rowBytes` is that of the last two. */
export function quotaOf(pageCount: number, rowBytes: number): bigint {
  return BigInt(HEAD_ROW_BYTES + txidsOf(pageCount) * TXID_ROWS_BYTES + rowBytes);
}
