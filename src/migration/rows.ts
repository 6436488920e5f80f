import { compareBytes, equalBytes, keyAfter } from "../formats/bytes.ts";
import { placedRows } from "../store/placed-rows.ts";
import type { KeyRange, KeyValue, RangeOptions, Store, Transaction } from "../store/store.ts";
import { pulled } from "./pulled.ts";

/** Rows that can be read, from wherever they are: what a reader of images needs. */
export interface Rows {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  getRange(range: KeyRange, options?: Pick<RangeOptions, "into">): AsyncIterable<readonly KeyValue[]>;
}

/** Rows that are read over many transactions, where they are in a store. */
export interface ImageRows extends Rows {
  /** Makes reads that come to a megabyte or two together: in a store, in one transaction, as each costs it more than what is read. */
  together<T>(read: (rows: Rows) => Promise<T>): Promise<T>;
}

/** Bytes read in one transaction, with what a row takes besides its own: of page indexes there would be tens of thousands at once. */
const TRANSACTION_BYTES = 1024 * 1024;
const ROW_BYTES = 512;

/** Rows in a store, read over as many transactions as it takes: fit for rows that nobody changes, or whose change is found out later. */
export function storeRows(store: Store, signal: AbortSignal): ImageRows {
  return {
    get: async (key) => store.transact(async (tx) => tx.get(key, { snapshot: true }), { label: "read_v2", signal }),
    getRange(range, options) {
      let begin: Uint8Array | undefined = range.begin;
      return pulled(async () => {
        while (begin !== undefined) {
          const { rows, next } = await readPart(store, { begin, end: range.end }, signal);
          begin = next;
          if (rows.length > 0) {
            return placedRows(rows, options?.into);
          }
        }
        return undefined;
      });
    },
    together: async (read) => store.transact(async (tx) => read(transactionRows(tx)), { label: "read_v2", signal }),
  };
}

/** Rows as one transaction sees them; it ends as every transaction of the store does, so what is read has to be little. */
export function transactionRows(tx: Transaction): Rows {
  return {
    get: async (key) => tx.get(key, { snapshot: true }),
    getRange: (range, options) => tx.getRange(range, { ...options, snapshot: true }),
  };
}

async function readPart(
  store: Store,
  range: KeyRange,
  signal: AbortSignal,
): Promise<{ rows: KeyValue[]; next: Uint8Array | undefined }> {
  return store.transact(
    async (tx) => {
      const rows: KeyValue[] = [];
      let bytes = 0;
      for await (const batch of tx.getRange(range, { snapshot: true })) {
        for (const row of batch) {
          rows.push(row);
          bytes += row.key.length + row.value.length + ROW_BYTES;
        }
        const last = rows.at(-1);
        if (bytes >= TRANSACTION_BYTES && last !== undefined) {
          return { rows, next: keyAfter(last.key) };
        }
      }
      return { rows, next: undefined };
    },
    { label: "read_v2", signal },
  );
}

/** Rows in memory, for what is about to be written. */
export function memoryRows(rows: readonly KeyValue[]): ImageRows {
  const sorted = rows.toSorted((a, b) => compareBytes(a.key, b.key));
  const found: ImageRows = {
    get: (key) => Promise.resolve(sorted.find((row) => equalBytes(row.key, key))?.value),
    // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous, memory is not
    async *getRange({ begin, end }, options) {
      const inRange = sorted.filter((row) => compareBytes(row.key, begin) >= 0 && compareBytes(row.key, end) < 0);
      if (inRange.length > 0) {
        yield placedRows(inRange, options?.into);
      }
    },
    together: async (read) => read(found),
  };
  return found;
}

/** Whether two readings of the same rows gave the same, byte for byte. */
export function sameRows(a: readonly KeyValue[], b: readonly KeyValue[]): boolean {
  return (
    a.length === b.length &&
    a.every((row, index) => equalBytes(row.key, b[index]?.key) && equalBytes(row.value, b[index]?.value))
  );
}
