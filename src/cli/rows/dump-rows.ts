import { keyAfter } from "../../formats/bytes.ts";
import type { KeyRange, KeyValue, Store } from "../../store/store.ts";

/** A transaction ends after about so many bytes or milliseconds: it may last five seconds, and the reader may be slow. */
const TRANSACTION_BYTES = 1024 * 1024;
const TRANSACTION_MS = 1_000;

/** Every row there can be: FoundationDB's own begin with ff. */
export const ALL_ROWS: KeyRange = { begin: new Uint8Array(0), end: new Uint8Array([0xff]) };

/**
 * All rows of a range in key order, a batch per transaction, over as many transactions as it takes: not one moment of the store,
 * where somebody writes meanwhile.
 */
export async function* dumpRows(
  store: Store,
  range: KeyRange,
  signal: AbortSignal,
): AsyncGenerator<readonly KeyValue[], void, undefined> {
  let begin: Uint8Array | undefined = range.begin;
  while (begin !== undefined) {
    const rows: readonly KeyValue[] = await readPart(store, { begin, end: range.end }, signal);
    yield rows;
    const last = rows.at(-1);
    begin = last === undefined ? undefined : keyAfter(last.key);
  }
}

async function readPart(store: Store, range: KeyRange, signal: AbortSignal): Promise<readonly KeyValue[]> {
  return store.transact(
    async (tx) => {
      const startedMs = performance.now();
      const rows: KeyValue[] = [];
      let bytes = 0;
      for await (const batch of tx.getRange(range, { snapshot: true })) {
        for (const row of batch) {
          rows.push(row);
          bytes += row.key.length + row.value.length;
        }
        if (bytes >= TRANSACTION_BYTES || performance.now() - startedMs >= TRANSACTION_MS) {
          break;
        }
      }
      return rows;
    },
    { label: "dump", signal },
  );
}
