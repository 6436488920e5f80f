import { asBuffer } from "../../formats/bytes.ts";

/**
 * A key as a string of one character per byte. Such strings compare with `<` in byte order, hash, and cost a fraction of
 * comparing byte arrays from JavaScript, so the engine's own bookkeeping of keys is done in them.
 */
export type KeyString = string;

/** A range of keys in that form: from `begin`, included, to `end`, excluded. */
export interface KeyStringRange {
  readonly begin: KeyString;
  readonly end: KeyString;
}

/** The bytes of a key as a string. */
export function toKeyString(key: Uint8Array): KeyString {
  return asBuffer(key).toString("latin1");
}

/** The bytes a key string stands for, in memory of their own. */
export function fromKeyString(key: KeyString): Uint8Array {
  return Buffer.from(key, "latin1");
}

/** The first key after `key`. */
export function keyAfter(key: KeyString): KeyString {
  return key + "\0";
}

/** Index of the first element not below `key` in a sorted list. */
export function lowerBound(sorted: readonly KeyString[], key: KeyString): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const probe = sorted[middle];
    if (probe !== undefined && probe < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** Ranges sorted, those that overlap or touch made one, and those that hold nothing left out. */
export function coalesce(ranges: readonly KeyStringRange[]): KeyStringRange[] {
  const sorted = ranges
    .filter(({ begin, end }) => begin < end)
    .sort((a, b) => (a.begin < b.begin ? -1 : a.begin > b.begin ? 1 : 0));
  const merged: { begin: KeyString; end: KeyString }[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && range.begin <= last.end) {
      if (range.end > last.end) {
        last.end = range.end;
      }
    } else {
      merged.push({ begin: range.begin, end: range.end });
    }
  }
  return merged;
}

/** The first of sorted, disjoint ranges that ends after `key`: the only one that can contain it. */
function firstEndingAfter(ranges: readonly KeyStringRange[], key: KeyString): KeyStringRange | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const probe = ranges[middle];
    if (probe !== undefined && probe.end <= key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return ranges[low];
}

/** Whether one of the ranges, sorted and disjoint, contains `key`. */
export function covers(ranges: readonly KeyStringRange[], key: KeyString): boolean {
  const range = firstEndingAfter(ranges, key);
  return range !== undefined && range.begin <= key;
}

/** Whether one of the ranges, sorted and disjoint, shares a key with `range`. */
export function overlaps(ranges: readonly KeyStringRange[], range: KeyStringRange): boolean {
  const first = firstEndingAfter(ranges, range.begin);
  return first !== undefined && first.begin < range.end;
}
