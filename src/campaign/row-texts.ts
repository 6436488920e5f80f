/*
 * Values of rows as texts, where they are shown.
 */

/** For `JSON.stringify`: 64-bit fields are texts, as numbers lose digits in most readers. */
export function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

/** A time in milliseconds since the epoch as RFC 3339; that of a foreign row may be any number, and is said as it is. */
export function timestampText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
