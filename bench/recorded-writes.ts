import type { KeyValue, Store, Transaction } from "../src/store/store.ts";

class Recorded extends Error {}

/**
 * The rows that the first transaction of a task would set, none of which is committed: what a baseline that "sets the same bytes" sets.
 * Versionstamps are in them as placeholders, of the same length.
 */
export async function recordedSets(store: Store, task: (recorder: Store) => Promise<unknown>): Promise<KeyValue[]> {
  let rows: KeyValue[] = [];
  const recorder: Store = {
    url: store.url,
    engine: store.engine,
    close: () => Promise.resolve(),
    transact: (body, options) =>
      store.transact(async (tx) => {
        rows = [];
        await body(recording(tx, rows));
        throw new Recorded();
      }, options),
  };
  try {
    await task(recorder);
  } catch (error) {
    if (!(error instanceof Recorded)) {
      throw error;
    }
  }
  return rows;
}

function recording(tx: Transaction, rows: KeyValue[]): Transaction {
  return {
    get: (key, options) => tx.get(key, options),
    getRange: (range, options) => tx.getRange(range, options),
    set: (key, value) => {
      rows.push({ key, value });
    },
    clear: () => undefined,
    clearRange: () => undefined,
    add: () => undefined,
    setVersionstampedKey: (key, _offset, value) => {
      rows.push({ key, value });
    },
    setVersionstampedValue: (key, value) => {
      rows.push({ key, value });
    },
    addReadConflictRange: () => undefined,
    get writtenBytes() {
      return tx.writtenBytes;
    },
  };
}
