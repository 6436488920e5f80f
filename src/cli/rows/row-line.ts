import { fromHex, toHex } from "../../formats/bytes.ts";
import { LIMITS, type KeyValue } from "../../store/store.ts";

/*
 * A row as a line: {"k":hex,"v":hex}, lower case, no spaces, when written; any JSON of these two fields when read.
 */

const AS_WRITTEN = /^\{"k":"([0-9a-f]*)","v":"([0-9a-f]*)"\}$/;
/** Keys from here on are FoundationDB's own. */
const SYSTEM_KEYS = 0xff;
const ROWS_OF_TEXT = 250;

/** Longest line that can be a row: the store's limits in hex, and room for JSON's spaces. */
export const MAX_ROW_LINE = 2 * (LIMITS.keyBytes + LIMITS.valueBytes) + 1_000;

/** Rows as texts of some lines each, with their line breaks: the text of a whole batch would take its memory twice more. */
export function* rowTexts(rows: readonly KeyValue[]): Generator<string, void, undefined> {
  for (let from = 0; from < rows.length; from += ROWS_OF_TEXT) {
    yield rows
      .slice(from, from + ROWS_OF_TEXT)
      .map(({ key, value }) => `{"k":"${toHex(key)}","v":"${toHex(value)}"}\n`)
      .join("");
  }
}

/** The row of a line, or what keeps it from being one. */
export function parseRow(line: string): KeyValue | string {
  const [key, value] = fieldsOf(line).map((field) => (field === undefined ? undefined : fromHex(field)));
  if (key === undefined || value === undefined) {
    return `not a row, {"k":hex,"v":hex}`;
  }
  if (key.length > LIMITS.keyBytes || value.length > LIMITS.valueBytes) {
    return `a row whose key is over ${LIMITS.keyBytes} bytes or its value over ${LIMITS.valueBytes}`;
  }
  return key[0] === SYSTEM_KEYS
    ? "a row whose key begins with ff, which FoundationDB keeps for itself"
    : { key, value };
}

function fieldsOf(line: string): [string | undefined, string | undefined] {
  const [, key, value] = AS_WRITTEN.exec(line) ?? [];
  if (key !== undefined) {
    return [key, value];
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return [undefined, undefined];
  }
  if (typeof parsed !== "object" || parsed === null || Object.keys(parsed).length !== 2) {
    return [undefined, undefined];
  }
  const { k, v } = parsed as { k?: unknown; v?: unknown };
  return [typeof k === "string" ? k : undefined, typeof v === "string" ? v : undefined];
}
