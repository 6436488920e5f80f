import { setImmediate as nextTurn } from "node:timers/promises";
import type { EngineTransaction } from "../engine.ts";
import { fromKeyString, keyAfter, type KeyStringRange, toKeyString } from "./key-string.ts";
import { assertTransactionFits } from "../limits.ts";
import type { LmdbCommitter } from "./lmdb-committer.ts";
import type { LoopTurns } from "./loop-turns.ts";
import type { LmdbRows, RowsBatch } from "./lmdb-rows.ts";
import { type LmdbSnapshot, tooOld } from "./lmdb-snapshot.ts";
import { affectedBytesOf } from "./mutation.ts";
import { ReadSet } from "./read-set.ts";
import { placedRows } from "../placed-rows.ts";
import type { KeyRange, KeyValue, RangeOptions, ReadOptions } from "../store.ts";
import { WriteBuffer } from "./write-buffer.ts";

/** Bytes of a batch of a range read: enough to be quick, little enough that memory stays flat and the event loop moves. */
const RANGE_BATCH_BYTES = 256 * 2 ** 10;

/** What a transaction of the embedded engine works with. */
export interface LmdbTransactionParts {
  readonly openSnapshot: () => LmdbSnapshot;
  readonly rows: LmdbRows;
  readonly committer: LmdbCommitter;
  readonly turns: LoopTurns;
}

/**
 * An optimistic transaction over LMDB: reads come from one snapshot with the transaction's own writes laid over it, what was
 * read is remembered, writes are kept back, and the committer decides.
 */
export class LmdbTransaction implements EngineTransaction {
  readonly #parts: LmdbTransactionParts;
  readonly #reads = new ReadSet();
  readonly #writes = new WriteBuffer();
  #snapshot: LmdbSnapshot | undefined;

  constructor(parts: LmdbTransactionParts) {
    this.#parts = parts;
  }

  async get(key: Uint8Array, options?: ReadOptions): Promise<Uint8Array | undefined> {
    const name = toKeyString(key);
    const own = this.#writes.ownValue(name);
    if (own.known) {
      return own.value;
    }
    const stored = this.#parts.rows.get(key, this.#openSnapshot().handle);
    if (options?.snapshot !== true) {
      this.#reads.addKey(name);
    }
    const value = this.#writes.overlay(name, stored);
    // Not before it is read: what the body writes meanwhile comes after it.
    if (this.#parts.turns.areDue) {
      await this.#parts.turns.take();
    }
    return value;
  }

  async *getRange(range: KeyRange, options: RangeOptions = {}): AsyncGenerator<readonly KeyValue[]> {
    const { limit = Infinity, reverse = false, into } = options;
    let rest: KeyRange | undefined = range;
    let wanted = limit;
    while (rest !== undefined && wanted > 0) {
      // What the transaction has written itself is not read from LMDB: then values are put in their places when all are known.
      const readInto = this.#writes.isEmpty ? into : undefined;
      const request = { range: rest, reverse, maxRows: wanted, targetBytes: RANGE_BATCH_BYTES, into: readInto };
      const batch = this.#parts.rows.read(request, this.#openSnapshot().handle);
      const covered = coveredRange(rest, batch, reverse);
      const merged = this.#overlay(covered, batch.rows, reverse);
      const rows = merged.length > wanted ? merged.slice(0, wanted) : merged;
      wanted -= rows.length;
      if (options.snapshot !== true) {
        this.#readRange(wanted === 0 ? upTo(rows.at(-1), covered, reverse) : covered);
      }
      rest = batch.isComplete ? undefined : restOf(rest, covered, reverse);
      // Before the rows, as whoever has what it looked for never comes back.
      if (this.#parts.turns.areDue) {
        await this.#parts.turns.take();
      }
      if (rows.length > 0) {
        yield readInto === undefined ? placedRows(rows, into) : rows;
      }
      if (rest !== undefined && wanted > 0) {
        await nextTurn();
      }
    }
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#writes.set(key, value);
  }

  clear(key: Uint8Array): void {
    this.#writes.clear(key);
  }

  clearRange(range: KeyRange): void {
    this.#writes.clearRange(range.begin, range.end);
  }

  add(key: Uint8Array, delta: bigint): void {
    this.#writes.add(key, delta);
  }

  setVersionstampedKey(key: Uint8Array, offset: number, value: Uint8Array): void {
    this.#writes.setVersionstampedKey(key, offset, value);
  }

  setVersionstampedValue(key: Uint8Array, value: Uint8Array, offset: number): void {
    this.#writes.setVersionstampedValue(key, value, offset);
  }

  addReadConflictRange(range: KeyRange): void {
    this.#openSnapshot();
    this.#reads.addRange({ begin: toKeyString(range.begin), end: toKeyString(range.end) });
  }

  async commit(): Promise<void> {
    const affectedBytes = affectedBytesOf(this.#writes.mutations);
    assertTransactionFits(affectedBytes + this.#reads.conflictBytes);
    if (this.#snapshot?.isTooOld === true) {
      throw tooOld();
    }
    const readVersion = this.#reads.isEmpty ? undefined : this.#snapshot?.version;
    this.#snapshot?.releasePages();
    await this.#parts.committer.commit({
      reads: this.#reads,
      readVersion,
      mutations: this.#writes.mutations,
      affectedBytes,
    });
  }

  release(): void {
    this.#snapshot?.release();
  }

  #openSnapshot(): LmdbSnapshot {
    this.#snapshot ??= this.#parts.openSnapshot();
    return this.#snapshot;
  }

  #overlay(covered: KeyStringRange, stored: readonly KeyValue[], reverse: boolean): readonly KeyValue[] {
    if (this.#writes.isEmpty) {
      return stored;
    }
    if (!reverse) {
      return this.#writes.overlayRange(covered, stored);
    }
    return [...this.#writes.overlayRange(covered, [...stored].reverse())].reverse();
  }

  #readRange(range: KeyStringRange): void {
    for (const part of this.#writes.isEmpty ? [range] : this.#writes.dependentParts(range)) {
      this.#reads.addRange(part);
    }
  }
}

/** The part of `range` that a batch tells everything about. */
function coveredRange(range: KeyRange, batch: RowsBatch, reverse: boolean): KeyStringRange {
  const whole = { begin: toKeyString(range.begin), end: toKeyString(range.end) };
  return batch.isComplete ? whole : upTo(batch.rows.at(-1), whole, reverse);
}

/** The part of `range` up to and with its last row read. */
function upTo(last: KeyValue | undefined, range: KeyStringRange, reverse: boolean): KeyStringRange {
  if (last === undefined) {
    return range;
  }
  const key = toKeyString(last.key);
  return reverse ? { begin: key, end: range.end } : { begin: range.begin, end: keyAfter(key) };
}

/** The part of `range` that is left after `covered`. */
function restOf(range: KeyRange, covered: KeyStringRange, reverse: boolean): KeyRange {
  return reverse
    ? { begin: range.begin, end: fromKeyString(covered.begin) }
    : { begin: fromKeyString(covered.end), end: range.end };
}
