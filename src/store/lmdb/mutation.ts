import { keyAfter, toKeyString, type KeyString, type KeyStringRange } from "./key-string.ts";
import { ADD_OPERAND_BYTES, RANGE_OVERHEAD_BYTES } from "../limits.ts";

/** One write of a transaction, in the order in which its body made them. */
export type Mutation =
  | { readonly type: "set"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "clear"; readonly key: Uint8Array }
  | { readonly type: "clearRange"; readonly begin: Uint8Array; readonly end: Uint8Array }
  | { readonly type: "add"; readonly key: Uint8Array; readonly delta: bigint }
  | { readonly type: "stampKey"; readonly key: Uint8Array; readonly offset: number; readonly value: Uint8Array }
  | { readonly type: "stampValue"; readonly key: Uint8Array; readonly offset: number; readonly value: Uint8Array };

/** The range of keys that is cleared. */
export function rangeName({ begin, end }: { begin: Uint8Array; end: Uint8Array }): KeyStringRange {
  return { begin: toKeyString(begin), end: toKeyString(end) };
}

/** What a commit wrote, as others have to know it: keys, and ranges cleared. */
export interface WriteSet {
  readonly keys: KeyString[];
  readonly ranges: KeyStringRange[];
}

/** `bytes` with the versionstamp put in at `offset`. */
export function withVersionstamp(bytes: Uint8Array, offset: number, stamp: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(stamp, offset);
  return copy;
}

/** The keys and ranges that `mutations` touch, once the versionstamp is known. */
export function writeSetOf(mutations: readonly Mutation[], stamp: Uint8Array): WriteSet {
  const keys: KeyString[] = [];
  const ranges: KeyStringRange[] = [];
  for (const mutation of mutations) {
    if (mutation.type === "clearRange") {
      ranges.push(rangeName(mutation));
    } else if (mutation.type === "stampKey") {
      keys.push(toKeyString(withVersionstamp(mutation.key, mutation.offset, stamp)));
    } else {
      keys.push(toKeyString(mutation.key));
    }
  }
  return { keys, ranges };
}

/** What FoundationDB 7.3 counts for a mutation besides its bytes: its own record of it; 7.1 counts 28. Measured. */
const MUTATION_OVERHEAD_BYTES = 44;

/**
 * Bytes that `mutations` add to a transaction as FoundationDB counts them towards its limit: keys and values, a conflict range
 * for each, where that of a single key is the key and its successor, and what it needs to note them down.
 */
export function affectedBytesOf(mutations: readonly Mutation[]): number {
  let bytes = mutations.length * (MUTATION_OVERHEAD_BYTES + RANGE_OVERHEAD_BYTES);
  for (const mutation of mutations) {
    switch (mutation.type) {
      case "set":
      case "stampKey":
      case "stampValue":
        bytes += 3 * mutation.key.length + 1 + mutation.value.length;
        break;
      case "add":
        bytes += 3 * mutation.key.length + 1 + ADD_OPERAND_BYTES;
        break;
      case "clear":
        bytes += 4 * mutation.key.length + 2;
        break;
      case "clearRange":
        bytes += 2 * (mutation.begin.length + mutation.end.length);
        break;
    }
  }
  return bytes;
}

/** The keys a versionstamped key may become: which one is known only at commit. */
export function stampedKeyRange(key: Uint8Array, offset: number, stampBytes: number): KeyStringRange {
  const first = toKeyString(withVersionstamp(key, offset, new Uint8Array(stampBytes)));
  const last = toKeyString(withVersionstamp(key, offset, new Uint8Array(stampBytes).fill(0xff)));
  return { begin: first, end: keyAfter(last) };
}
