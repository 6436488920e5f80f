import { keyAfter, prefixRange } from "../formats/bytes.ts";
import { readRows } from "../store/read-rows.ts";
import type { KeyRange, KeyValue, Store, Transaction } from "../store/store.ts";

const ROWS_PER_TRANSACTION = 1000;

/**
 * What `read` makes of the rows of a range, as many at a time as one transaction reads; it runs in that transaction, and may read more. In
 * bounded memory, many transactions: not one moment of the store.
 */
export async function* rowPages<T>(
  store: Store,
  range: KeyRange,
  { label, read }: { label: string; read: (tx: Transaction, rows: readonly KeyValue[]) => Promise<T[]> },
): AsyncGenerator<T[], void, undefined> {
  let begin: Uint8Array | undefined = range.begin;
  while (begin !== undefined) {
    const from: Uint8Array = begin;
    const page: { items: T[]; next: Uint8Array | undefined } = await store.transact(
      async (tx) => {
        const limit = ROWS_PER_TRANSACTION;
        const rows = await readRows(tx, { begin: from, end: range.end }, { limit, snapshot: true });
        const last = rows.length < limit ? undefined : rows.at(-1);
        return { items: await read(tx, rows), next: last === undefined ? undefined : keyAfter(last.key) };
      },
      { label },
    );
    yield page.items;
    begin = page.next;
  }
}

/** Every row with a prefix, over many transactions. */
export async function* allRows(store: Store, prefix: Uint8Array): AsyncGenerator<KeyValue, void, undefined> {
  const read = (_tx: Transaction, rows: readonly KeyValue[]): Promise<KeyValue[]> => Promise.resolve([...rows]);
  for await (const rows of rowPages(store, prefixRange(prefix), { label: "campaign", read })) {
    yield* rows;
  }
}
