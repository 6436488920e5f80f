import type { KeyRange, KeyValue, RangeOptions, Transaction } from "./store.ts";

/** All rows of a range that is known to be small, or as many as `limit` says. */
export async function readRows(
  tx: Pick<Transaction, "getRange">,
  range: KeyRange,
  options?: RangeOptions,
): Promise<KeyValue[]> {
  const rows: KeyValue[] = [];
  for await (const batch of tx.getRange(range, options)) {
    rows.push(...batch);
  }
  return rows;
}

/** Whether a range holds a row. */
export async function hasRows(
  tx: Pick<Transaction, "getRange">,
  range: KeyRange,
  options?: Omit<RangeOptions, "limit">,
): Promise<boolean> {
  return (await readRows(tx, range, { ...options, limit: 1 })).length > 0;
}
