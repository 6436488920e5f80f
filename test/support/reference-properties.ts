import { expect } from "chai";
import fc from "fast-check";
import { FormatError } from "../../src/formats/format-error.ts";
import { SEED } from "./run-options.ts";

/** Checks a property on random input; the failure prints seed and counterexample, FERRY_TEST_SEED repeats it. */
export function holds<T extends [unknown, ...unknown[]]>(property: fc.IProperty<T>, numRuns = 200): void {
  fc.assert(property, { seed: SEED, numRuns });
}

/** Random bytes. */
export function anyBytes(maxLength = 64, minLength = 0): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength }).map((bytes) => Uint8Array.from(bytes));
}

/** The code of the FormatError that `action` throws; anything else it throws, or nothing, fails the test. */
export function formatErrorCode(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof FormatError) {
      return error.code;
    }
    throw error;
  }
  return expect.fail("nothing was thrown");
}

/** Every proper prefix of some bytes. */
export function* prefixes(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length += 1) {
    yield bytes.slice(0, length);
  }
}

/** Copies of some bytes with one bit flipped, each bit in turn. */
export function* bitFlips(bytes: Uint8Array): Generator<{ flipped: Uint8Array; bit: number }> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield { flipped, bit };
  }
}

/** The same bytes as a Buffer in the middle of other memory, as engines hand them out. */
export function asPooledBuffer(bytes: Uint8Array): Buffer {
  const pool = Buffer.alloc(bytes.length + 9, 0xee);
  pool.set(bytes, 5);
  return pool.subarray(5, 5 + bytes.length);
}
