import { InvariantError } from "../../errors.ts";
import { asBuffer } from "../../formats/bytes.ts";
import type { CommitRecord } from "./conflict-window.ts";
import type { KeyString, KeyStringRange } from "./key-string.ts";

/*
 * A row of the commit log, by which processes on one directory learn of each other's commits:
 *
 *   key    version            8 bytes, big-endian
 *   value  time               8 bytes, double, big-endian, milliseconds since the epoch
 *          key count          4 bytes, big-endian
 *          keys               each: length, 2 bytes, big-endian; the bytes
 *          ranges, to the end each: begin and end in the same form
 */
const TIME_BYTES = 8;
const COUNT_BYTES = 4;
const LENGTH_BYTES = 2;

/** The bytes of a version: 8, big-endian, so that rows sort by it. */
export function encodeVersion(version: bigint): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(version);
  return bytes;
}

/** The version in 8 big-endian bytes. */
export function decodeVersion(bytes: Uint8Array): bigint {
  return asBuffer(bytes).readBigUInt64BE();
}

/** The value of a commit's row in the log. */
export function encodeCommitRecord(record: CommitRecord): Uint8Array {
  const names = [...record.keys, ...record.ranges.flatMap((range) => [range.begin, range.end])];
  const nameBytes = names.reduce((sum, name) => sum + LENGTH_BYTES + name.length, 0);
  const bytes = Buffer.allocUnsafe(TIME_BYTES + COUNT_BYTES + nameBytes);
  bytes.writeDoubleBE(record.timeMs, 0);
  let offset = bytes.writeUInt32BE(record.keys.length, TIME_BYTES);
  for (const name of names) {
    offset = bytes.writeUInt16BE(name.length, offset);
    offset += bytes.write(name, offset, "latin1");
  }
  return bytes;
}

/** When the commit of a row of the log was made, in milliseconds since the epoch, without reading what it wrote. */
export function decodeCommitTime(value: Uint8Array): number {
  return asBuffer(value).readDoubleBE(0);
}

/** Reads a row of the log. */
export function decodeCommitRecord(version: bigint, value: Uint8Array): CommitRecord {
  const bytes = asBuffer(value);
  const timeMs = decodeCommitTime(value);
  const keyCount = bytes.readUInt32BE(TIME_BYTES);
  const keys: KeyString[] = [];
  const ranges: KeyStringRange[] = [];
  let offset = TIME_BYTES + COUNT_BYTES;
  const readName = (): KeyString => {
    const begin = offset + LENGTH_BYTES;
    offset = begin + bytes.readUInt16BE(offset);
    return bytes.toString("latin1", begin, offset);
  };
  while (keys.length < keyCount) {
    keys.push(readName());
  }
  while (offset < bytes.length) {
    ranges.push({ begin: readName(), end: readName() });
  }
  if (offset !== bytes.length) {
    throw new InvariantError("a row of the commit log does not end where its last key does", { details: { version } });
  }
  return { version, timeMs, keys, ranges };
}
