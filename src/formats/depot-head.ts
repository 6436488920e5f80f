import { decodeRecord, RecordWriter } from "./depot-record.ts";
import { FormatError } from "./format-error.ts";
import { viewOf } from "./bytes.ts";

/*
 * Depot's records about a database's content, DEPOT §2.4. The checksum is 0 in every database that the engine made.
 *
 *   DBHead      u64 head txid | u32 size in pages | u64 post-apply checksum | uuid branch        39 bytes
 *   CommitRow   i64 wall clock ms | versionstamp, 16 bytes, at 10 | u32 size in pages | u64 post-apply checksum   38 bytes
 *
 * Not records: PIDX and VTX values are u64 BE, counters and times i64 LE.
 */

export const COMMIT_STAMP_OFFSET = 10;

export interface DepotHead {
  readonly headTxid: bigint;
  readonly pageCount: number;
  readonly checksum: bigint;
  readonly branch: Uint8Array;
}

export function encodeDepotHead(head: Omit<DepotHead, "checksum">): Uint8Array {
  return new RecordWriter().u64(head.headTxid).u32(head.pageCount).u64(0n).uuid(head.branch).end();
}

/** @throws FormatError `depot_record_invalid` */
export function decodeDepotHead(bytes: Uint8Array): DepotHead {
  return decodeRecord("head", bytes, (reader) => ({
    headTxid: reader.u64(),
    pageCount: reader.u32(),
    checksum: reader.u64(),
    branch: reader.uuid(),
  }));
}

export interface DepotCommit {
  readonly wallClockMs: bigint;
  readonly stamp: Uint8Array;
  readonly pageCount: number;
  readonly checksum: bigint;
}

export function encodeDepotCommit(commit: Omit<DepotCommit, "checksum">): Uint8Array {
  return new RecordWriter().i64(commit.wallClockMs).stamp(commit.stamp).u32(commit.pageCount).u64(0n).end();
}

/** @throws FormatError `depot_record_invalid` */
export function decodeDepotCommit(bytes: Uint8Array): DepotCommit {
  return decodeRecord("commit", bytes, (reader) => ({
    wallClockMs: reader.i64(),
    stamp: reader.stamp(),
    pageCount: reader.u32(),
    checksum: reader.u64(),
  }));
}

/** A txid as PIDX and VTX rows hold it. @throws FormatError `depot_record_invalid` */
export function decodeTxid(bytes: Uint8Array): bigint {
  if (bytes.length !== 8) {
    throw new FormatError("depot_record_invalid", "A record of Depot's cannot be read.", {
      record: "txid",
      why: "it is not of 8 bytes",
    });
  }
  return viewOf(bytes).getBigUint64(0);
}

/** Counters, times and the access bucket: i64, little-endian. */
export function encodeI64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigInt64(0, value, true);
  return bytes;
}
