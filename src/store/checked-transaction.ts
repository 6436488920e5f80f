import { InvariantError } from "../errors.ts";
import type { EngineTransaction } from "./engine.ts";
import {
  ADD_OPERAND_BYTES,
  assertKeyFits,
  assertLegalKey,
  assertLegalRange,
  assertReadableKey,
  assertStampFits,
  assertTransactionFits,
  assertValueFits,
} from "./limits.ts";
import type { KeyRange, KeyValue, RangeOptions, ReadOptions, Transaction } from "./store.ts";

/**
 * What a transaction's body gets: an engine's transaction behind the checks that are the same for every engine, made before
 * the engine sees anything, so that all engines refuse the same things with the same errors at the same moment.
 */
export class CheckedTransaction implements Transaction {
  readonly #inner: EngineTransaction;
  #writtenBytes = 0;
  #hasWrites = false;
  #ended = false;

  constructor(inner: EngineTransaction) {
    this.#inner = inner;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Whether there is anything to commit. */
  get hasWrites(): boolean {
    return this.#hasWrites;
  }

  /** From here on every use is a bug in the body: a promise it did not wait for. */
  end(): void {
    this.#ended = true;
  }

  async get(key: Uint8Array, options?: ReadOptions): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    assertReadableKey(key);
    return await this.#inner.get(key, options);
  }

  async *getRange(range: KeyRange, options?: RangeOptions): AsyncGenerator<readonly KeyValue[]> {
    this.#assertOpen();
    assertLegalRange(range);
    for await (const batch of this.#inner.getRange(range, options)) {
      yield batch;
      this.#assertOpen();
    }
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#count(key, value.length);
    assertValueFits(value.length);
    this.#inner.set(key, value);
  }

  clear(key: Uint8Array): void {
    this.#count(key, 0);
    this.#inner.clear(key);
  }

  clearRange(range: KeyRange): void {
    if (Buffer.compare(range.begin, range.end) > 0) {
      throw new InvariantError("a range to clear must not end before it begins");
    }
    assertLegalRange(range);
    assertKeyFits(range.end.length);
    this.#count(range.begin, range.end.length);
    this.#inner.clearRange(range);
  }

  add(key: Uint8Array, delta: bigint): void {
    this.#count(key, ADD_OPERAND_BYTES);
    this.#inner.add(key, delta);
  }

  setVersionstampedKey(key: Uint8Array, offset: number, value: Uint8Array): void {
    assertStampFits(key, offset);
    this.#count(key, value.length);
    assertValueFits(value.length);
    this.#inner.setVersionstampedKey(key, offset, value);
  }

  setVersionstampedValue(key: Uint8Array, value: Uint8Array, offset: number): void {
    assertStampFits(value, offset);
    this.#count(key, value.length);
    assertValueFits(value.length);
    this.#inner.setVersionstampedValue(key, value, offset);
  }

  addReadConflictRange(range: KeyRange): void {
    this.#assertOpen();
    assertLegalRange(range);
    this.#inner.addReadConflictRange(range);
  }

  #count(key: Uint8Array, otherBytes: number): void {
    this.#assertOpen();
    assertLegalKey(key);
    assertKeyFits(key.length);
    this.#writtenBytes += key.length + otherBytes;
    this.#hasWrites = true;
    assertTransactionFits(this.#writtenBytes);
  }

  #assertOpen(): void {
    if (this.#ended) {
      throw new InvariantError("a transaction was used after its end: something in its body was not waited for");
    }
  }
}
