import { InvariantError, UsageError } from "../errors.ts";
import { StoreError } from "./errors.ts";
import { LIMITS, type KeyRange } from "./store.ts";

/** Bytes of a versionstamp: commit version (8, big-endian) and order within it (2, big-endian). */
export const VERSIONSTAMP_BYTES = 10;

/** Bytes of an `add`'s operand, as FoundationDB counts it. */
export const ADD_OPERAND_BYTES = 8;

/** What FoundationDB 7.1 and 7.3 count for a conflict range besides its keys. Measured. */
export const RANGE_OVERHEAD_BYTES = 24;

const SYSTEM_KEYS = 0xff;

/**
 * Refuses keys at and after `\xff`, which FoundationDB keeps for itself (error 2004).
 * @throws UsageError
 */
export function assertLegalKey(key: Uint8Array): void {
  if (key[0] === SYSTEM_KEYS) {
    throw new UsageError("a key must not begin with the byte ff, which FoundationDB keeps for itself");
  }
}

/**
 * Keys that may be read one by one: also FoundationDB's special keys, `\xff\xff…`, where it tells of itself. Elsewhere they are absent.
 * @throws UsageError
 */
export function assertReadableKey(key: Uint8Array): void {
  if (key[1] !== SYSTEM_KEYS) {
    assertLegalKey(key);
  }
}

/**
 * As `assertLegalKey` for a range, whose end may be `\xff` itself.
 * @throws UsageError
 */
export function assertLegalRange(range: KeyRange): void {
  assertLegalKey(range.begin);
  if (range.end[0] === SYSTEM_KEYS && range.end.length > 1) {
    throw new UsageError("a range must not reach beyond the byte ff, where FoundationDB's own keys begin");
  }
}

/** @throws StoreError `key_too_large` */
export function assertKeyFits(keyBytes: number): void {
  if (keyBytes > LIMITS.keyBytes) {
    throw new StoreError("key_too_large", "a key is larger than the store takes", {
      details: { keyBytes, limitBytes: LIMITS.keyBytes },
    });
  }
}

/** @throws StoreError `value_too_large` */
export function assertValueFits(valueBytes: number): void {
  if (valueBytes > LIMITS.valueBytes) {
    throw new StoreError("value_too_large", "a value is larger than the store takes", {
      details: { valueBytes, limitBytes: LIMITS.valueBytes },
    });
  }
}

/** @throws StoreError `too_large` */
export function assertTransactionFits(affectedBytes: number): void {
  if (affectedBytes > LIMITS.transactionBytes) {
    throw new StoreError("too_large", "a transaction affects more bytes than the store takes at once", {
      details: { affectedBytes, limitBytes: LIMITS.transactionBytes },
    });
  }
}

/** @throws InvariantError when the ten bytes of a versionstamp do not lie within `bytes` at `offset`. */
export function assertStampFits(bytes: Uint8Array, offset: number): void {
  if (!Number.isInteger(offset) || offset < 0 || offset + VERSIONSTAMP_BYTES > bytes.length) {
    throw new InvariantError("a versionstamp must lie within the bytes it is put in", {
      details: { offset, length: bytes.length },
    });
  }
}
