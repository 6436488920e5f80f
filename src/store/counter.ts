import { ADD_OPERAND_BYTES } from "./limits.ts";

/** A counter's bytes: 8, little-endian, two's complement. */
export function encodeCounter(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(ADD_OPERAND_BYTES);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

/**
 * FoundationDB's ADD with an 8-byte operand: an absent value counts as 0, a shorter one is extended with zeros and a longer
 * one cut to 8 bytes, and the sum wraps.
 */
export function addToCounter(current: Uint8Array | undefined, delta: bigint): Uint8Array {
  const padded = Buffer.alloc(ADD_OPERAND_BYTES);
  padded.set((current ?? new Uint8Array()).subarray(0, ADD_OPERAND_BYTES));
  return encodeCounter(padded.readBigUInt64LE() + delta);
}
