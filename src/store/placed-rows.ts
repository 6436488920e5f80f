import type { KeyValue, ValueRoom } from "./store.ts";

/** The same rows, their values where `into` wants them. */
export function placedRows(rows: readonly KeyValue[], into: ValueRoom | undefined): readonly KeyValue[] {
  return into === undefined ? rows : rows.map((row) => placedRow(row, into));
}

export function placedRow(row: KeyValue, into: ValueRoom | undefined): KeyValue {
  return into === undefined ? row : { key: row.key, value: placedIn(into, row.value) ?? row.value };
}

/** A copy of a value where `into` wants it; undefined where it gives no room. */
export function placedIn(into: ValueRoom, value: Uint8Array): Uint8Array | undefined {
  const room = into(value.length);
  room?.set(value);
  return room;
}
