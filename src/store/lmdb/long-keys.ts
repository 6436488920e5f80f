import { asBuffer } from "../../formats/bytes.ts";
import type { KeyValue } from "../store.ts";

/*
 * LMDB takes keys of up to 1,978 bytes, FoundationDB of up to 10,000. A longer key is kept in a bucket: one row of LMDB
 * for all long keys that share their first 1,900 bytes, whose key is those bytes and a zero, and whose value is a list,
 * in key order, of
 *
 *   suffix length   2 bytes, big-endian
 *   value length    4 bytes, big-endian
 *   suffix          what follows the first 1,900 bytes of the key
 *   value
 *
 * So buckets sort among short keys where their long keys belong: after the key that is just the prefix, before every other
 * that is greater. A bucket is rewritten as a whole; that is slow for many long keys with one prefix, and Ferry has none.
 */
const PREFIX_BYTES = 1_900;
const BUCKET_MARK = 0;
const AFTER_BUCKET_MARK = 1;
const ENTRY_HEADER_BYTES = 6;

/** Whether a key is too long to be a row of LMDB by itself. */
export function isLongKey(key: Uint8Array): boolean {
  return key.length > PREFIX_BYTES;
}

/** The key of the bucket that holds, or would hold, a long key. */
export function bucketKey(longKey: Uint8Array): Uint8Array {
  return marked(longKey, BUCKET_MARK);
}

/** The first key of LMDB after that bucket. */
export function keyAfterBucket(longKey: Uint8Array): Uint8Array {
  return marked(longKey, AFTER_BUCKET_MARK);
}

/** The rows in a bucket, in key order; none for an absent bucket. */
export function decodeBucket(key: Uint8Array, value: Uint8Array | undefined): KeyValue[] {
  const rows: KeyValue[] = [];
  if (value === undefined) {
    return rows;
  }
  const prefix = key.subarray(0, PREFIX_BYTES);
  const bytes = asBuffer(value);
  for (let offset = 0; offset < bytes.length;) {
    const suffixAt = offset + ENTRY_HEADER_BYTES;
    const valueAt = suffixAt + bytes.readUInt16BE(offset);
    const end = valueAt + bytes.readUInt32BE(offset + 2);
    rows.push({
      key: Buffer.concat([prefix, bytes.subarray(suffixAt, valueAt)]),
      value: Uint8Array.from(bytes.subarray(valueAt, end)),
    });
    offset = end;
  }
  return rows;
}

/** The value of a bucket with `rows`, which are in key order. */
export function encodeBucket(rows: readonly KeyValue[]): Uint8Array {
  return Buffer.concat(
    rows.flatMap((row) => {
      const suffix = row.key.subarray(PREFIX_BYTES);
      const header = Buffer.alloc(ENTRY_HEADER_BYTES);
      header.writeUInt16BE(suffix.length, 0);
      header.writeUInt32BE(row.value.length, 2);
      return [header, suffix, row.value];
    }),
  );
}

/** `rows`, in key order, with `key` set to `value`, or without it. */
export function withRow(rows: readonly KeyValue[], key: Uint8Array, value: Uint8Array | undefined): KeyValue[] {
  const before = rows.filter((row) => Buffer.compare(row.key, key) < 0);
  const after = rows.filter((row) => Buffer.compare(row.key, key) > 0);
  return [...before, ...(value === undefined ? [] : [{ key, value }]), ...after];
}

function marked(longKey: Uint8Array, mark: number): Uint8Array {
  const key = Uint8Array.from(longKey.subarray(0, PREFIX_BYTES + 1));
  key[PREFIX_BYTES] = mark;
  return key;
}
