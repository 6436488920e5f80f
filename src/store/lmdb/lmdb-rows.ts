import type { Transaction as LmdbTransactionHandle } from "lmdb";
import { COPIED_BYTES, type LmdbTable } from "./lmdb-environment.ts";
import { bucketKey, decodeBucket, encodeBucket, isLongKey, keyAfterBucket, withRow } from "./long-keys.ts";
import { placedIn, placedRow } from "../placed-rows.ts";
import type { KeyRange, KeyValue, ValueRoom } from "../store.ts";

/** Where to read: in a read snapshot, or, when absent, in the write transaction under way. */
export type ReadFrom = LmdbTransactionHandle | undefined;

/** How much of a range to read at once. */
export interface RowsRequest {
  readonly range: KeyRange;
  readonly reverse: boolean;
  readonly maxRows: number;
  /** Reading stops after the row that reaches this many bytes. */
  readonly targetBytes: number;
  /** Where the values go that are read. */
  readonly into?: ValueRoom | undefined;
}

/** Rows in the order asked for, and whether the range is known to hold no more. */
export interface RowsBatch {
  readonly rows: KeyValue[];
  readonly isComplete: boolean;
}

/** Longer values get memory of their own. */
const SHARING_BYTES = 8_192;
const SHARED_BYTES = 65_536;
let shared = Buffer.allocUnsafeSlow(SHARED_BYTES);
let sharedUsed = 0;

/** Rows a range clear removes before it looks for more: bounds its memory. */
const CLEAR_BATCH_ROWS = 4_096;

/**
 * The table of rows: the one place that knows how a key of the store becomes a key of LMDB. All arrays it returns are copies. One that
 * clears ranges is good for one write transaction, as it remembers what it found.
 */
export class LmdbRows {
  readonly #table: LmdbTable;
  /** Where a clear last found nothing, in stored keys, `end` being undefined for the end of the table; until a row is written. */
  #empty: { readonly begin: Uint8Array; readonly end: Uint8Array | undefined } | undefined;

  constructor(table: LmdbTable) {
    this.#table = table;
  }

  get(key: Uint8Array, from: ReadFrom): Uint8Array | undefined {
    if (isLongKey(key)) {
      return this.#bucket(bucketKey(key), from).find((row) => Buffer.compare(row.key, key) === 0)?.value;
    }
    const value = this.#table.get(key, from === undefined ? {} : { transaction: from });
    return value === undefined ? undefined : copyOf(value);
  }

  /** Within a write transaction. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#empty = undefined;
    if (isLongKey(key)) {
      this.#rewriteBucket(key, value);
    } else {
      this.#table.putSync(key, value);
    }
  }

  /** Within a write transaction. */
  remove(key: Uint8Array): void {
    if (isLongKey(key)) {
      this.#rewriteBucket(key, undefined);
    } else {
      this.#table.removeSync(key);
    }
  }

  /** Within a write transaction. */
  removeRange(range: KeyRange): void {
    const { start, end } = storedRange(range);
    if (this.#isEmpty(start, end)) {
      return;
    }
    for (let from = start, isDone = false; !isDone;) {
      const keys = [...this.#table.getKeys({ start: from, end, limit: CLEAR_BATCH_ROWS })];
      for (const key of keys) {
        if (isLongKey(key)) {
          const kept = this.#bucket(key, undefined).filter((row) => !isWithin(row.key, range));
          this.#writeBucket(key, kept);
        } else {
          this.#table.removeSync(key);
        }
      }
      isDone = keys.length < CLEAR_BATCH_ROWS;
      from = Buffer.concat([keys.at(-1) ?? from, Buffer.alloc(1)]);
    }
  }

  /** An actor's clears lie close together, mostly where there is nothing, and each look costs as much as a write. */
  #isEmpty(start: Uint8Array, end: Uint8Array): boolean {
    const isKnown =
      this.#empty !== undefined &&
      Buffer.compare(start, this.#empty.begin) >= 0 &&
      (this.#empty.end === undefined || Buffer.compare(end, this.#empty.end) <= 0);
    if (isKnown) {
      return true;
    }
    const [next] = this.#table.getKeys({ start, limit: 1 });
    if (next !== undefined && Buffer.compare(next, end) < 0) {
      return false;
    }
    this.#empty = { begin: start, end: next };
    return true;
  }

  read({ range, reverse, maxRows, targetBytes, into }: RowsRequest, from: ReadFrom): RowsBatch {
    const rows: KeyValue[] = [];
    if (maxRows <= 0 || Buffer.compare(range.begin, range.end) >= 0) {
      return { rows, isComplete: true };
    }
    let bytes = 0;
    const isLast = (row: KeyValue): boolean => {
      rows.push(row);
      bytes += row.key.length + row.value.length;
      return rows.length >= maxRows || bytes >= targetBytes;
    };
    const { start, end } = storedRange(range);
    const bounds = reverse
      ? { start: end, end: start, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start, end };
    for (const { key, value } of this.#table.getRange(from === undefined ? bounds : { ...bounds, transaction: from })) {
      const isDone = isLongKey(key)
        ? bucketRows({ key, value }, range, reverse).some((row) => isLast(placedRow(row, into)))
        : isLast({ key, value: (into && placedIn(into, value)) ?? copyOf(value) });
      if (isDone) {
        return { rows, isComplete: false };
      }
    }
    return { rows, isComplete: true };
  }

  #bucket(key: Uint8Array, from: ReadFrom): KeyValue[] {
    return decodeBucket(key, this.#table.get(key, from === undefined ? {} : { transaction: from }));
  }

  #rewriteBucket(key: Uint8Array, value: Uint8Array | undefined): void {
    const bucket = bucketKey(key);
    this.#writeBucket(bucket, withRow(this.#bucket(bucket, undefined), key, value));
  }

  #writeBucket(key: Uint8Array, rows: readonly KeyValue[]): void {
    if (rows.length === 0) {
      this.#table.removeSync(key);
    } else {
      this.#table.putSync(key, encodeBucket(rows));
    }
  }
}

/** The rows within a range of a bucket, in the order asked for. */
function bucketRows({ key, value }: KeyValue, range: KeyRange, reverse: boolean): KeyValue[] {
  const rows = decodeBucket(key, value).filter((row) => isWithin(row.key, range));
  return reverse ? rows.reverse() : rows;
}

function storedRange(range: KeyRange): { start: Uint8Array; end: Uint8Array } {
  return {
    start: isLongKey(range.begin) ? bucketKey(range.begin) : range.begin,
    end: isLongKey(range.end) ? keyAfterBucket(range.end) : range.end,
  };
}

function isWithin(key: Uint8Array, range: KeyRange): boolean {
  return Buffer.compare(key, range.begin) >= 0 && Buffer.compare(key, range.end) < 0;
}

/**
 * A copy in memory that values share: with an array's worth of memory each, the pages of a large image cost the allocator and the garbage
 * collector as much as the reading.
 */
function copyOf(value: Uint8Array): Uint8Array {
  const { length } = value;
  if (length <= COPIED_BYTES) {
    return value;
  }
  if (length > SHARING_BYTES) {
    return Buffer.from(value);
  }
  if (sharedUsed + length > SHARED_BYTES) {
    shared = Buffer.allocUnsafeSlow(SHARED_BYTES);
    sharedUsed = 0;
  }
  const copy = shared.subarray(sharedUsed, sharedUsed + length);
  copy.set(value);
  sharedUsed += length;
  return copy;
}
