import { StoreError } from "../../src/store/errors.ts";
import {
  LIMITS,
  type KeyRange,
  type KeyValue,
  type RangeOptions,
  type ReadOptions,
  type Store,
  type Transaction,
  type TransactionObserver,
  type TransactionReport,
  type TransactOptions,
} from "../../src/store/store.ts";

/*
 * A store in memory with FoundationDB's semantics, for tests of what runs on a store: snapshots, serializable conflicts, limits.
 * Nothing in it waits for anything but the gate, so that a scheduler decides every interleaving. It is hostile where the interface
 * allows it: values come out as Buffers on shared memory, in small batches, and arrays handed in are looked at when the transaction
 * commits, not before.
 */

/** Where a transaction can be held up: before it takes its snapshot, and before it commits writes. */
export type GatePoint = "begin" | "commit";
export type Gate = (point: GatePoint, label: string) => Promise<void>;

export interface MemoryStoreOptions {
  readonly gate?: Gate;
  readonly observer?: TransactionObserver;
  /** Rows in a batch of a range read. Default 50. */
  readonly batchRows?: number;
  /** Starts with all rows of this store, and with versionstamps that are later; costs nothing, whatever their number. */
  readonly from?: MemoryStore;
}

interface Entry {
  readonly name: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface NameRange {
  readonly begin: string;
  readonly end: string;
}

type Mutation =
  | { readonly type: "set"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "stampKey" | "stampValue"; readonly key: Uint8Array; readonly value: Uint8Array; at: number }
  | { readonly type: "add"; readonly key: Uint8Array; readonly delta: bigint }
  | { readonly type: "clearRange"; readonly range: NameRange };

interface Commit {
  readonly version: number;
  readonly written: readonly NameRange[];
}

const MAX_ATTEMPTS = 100;
/** FoundationDB 7.1 counts each write with its key three times, once in the mutation and twice in the conflict range, and so much more. */
const WRITE_OVERHEAD_BYTES = 52;

export class MemoryStore implements Store {
  readonly url = "memory:";
  readonly engine = "lmdb";
  readonly #gate: Gate;
  readonly #observer: TransactionObserver | undefined;
  readonly #batchRows: number;
  #entries: readonly Entry[] = [];
  #version = 0;
  #commits: Commit[] = [];
  #open = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#gate = options.gate ?? (() => Promise.resolve());
    this.#observer = options.observer;
    this.#batchRows = options.batchRows ?? 50;
    if (options.from !== undefined) {
      this.#entries = options.from.#entries;
      this.#version = options.from.#version;
    }
  }

  /** Transactions under way: 0 once everything that a test started has ended. */
  get openTransactions(): number {
    return this.#open;
  }

  /** All rows, in order. */
  dump(): KeyValue[] {
    return this.#entries.map(({ key, value }) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) }));
  }

  /** Writes rows without a transaction's limits or gate, as another client's commit. */
  load(rows: Iterable<KeyValue>, cleared: readonly KeyRange[] = []): void {
    const clears = cleared.map((range): Mutation => ({ type: "clearRange", range: namesOf(range) }));
    this.#apply([...clears, ...[...rows].map(({ key, value }): Mutation => ({ type: "set", key, value }))]);
  }

  async transact<T>(body: (tx: Transaction) => Promise<T>, options: TransactOptions = {}): Promise<T> {
    const label = options.label ?? "other";
    let cause: unknown;
    for (let attempt = 0; attempt < (options.maxAttempts ?? MAX_ATTEMPTS); attempt += 1) {
      options.signal?.throwIfAborted();
      this.#open += 1;
      let tx: MemoryTransaction | undefined;
      try {
        await this.#gate("begin", label);
        tx = new MemoryTransaction(this.#entries, this.#version, this.#batchRows);
        const value = await body(tx);
        tx.end();
        if (tx.mutations.length === 0) {
          this.#report(label, "read_only", tx);
          return value;
        }
        await this.#gate("commit", label);
        this.#commit(tx);
        this.#report(label, "committed", tx);
        return value;
      } catch (error) {
        this.#report(label, error instanceof StoreError ? error.kind : "failed", tx);
        if (!(error instanceof StoreError && error.retryable)) {
          throw error;
        }
        cause = error;
      } finally {
        tx?.end();
        this.#open -= 1;
      }
    }
    throw new StoreError("timed_out", "too many attempts", { cause });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #report(label: string, result: TransactionReport["result"], tx: MemoryTransaction | undefined): void {
    this.#observer?.({ label, result, writtenBytes: tx?.writtenBytes ?? 0, durationMs: 0, commitMs: 0 });
  }

  #commit(tx: MemoryTransaction): void {
    const later = this.#commits.filter(({ version }) => version > tx.version);
    const conflicts = later.some(({ written }) =>
      written.some((write) => tx.reads.some((read) => read.begin < write.end && write.begin < read.end)),
    );
    if (conflicts) {
      throw new StoreError("conflict", "another transaction changed what this one read");
    }
    this.#apply(tx.mutations);
  }

  #apply(mutations: readonly Mutation[]): void {
    this.#version += 1;
    this.#entries = applied(this.#entries, mutations, this.#version);
    const written = mutations.map((mutation): NameRange => {
      if (mutation.type === "clearRange") {
        return mutation.range;
      }
      const name = nameOf(stamped(mutation, this.#version).key);
      return { begin: name, end: `${name}\0` };
    });
    this.#commits.push({ version: this.#version, written });
    if (this.#commits.length > 5_000) {
      this.#commits = this.#commits.slice(-2_500);
    }
  }
}

class MemoryTransaction implements Transaction {
  readonly mutations: Mutation[] = [];
  readonly reads: NameRange[] = [];
  readonly version: number;
  readonly #base: readonly Entry[];
  readonly #batchRows: number;
  #writtenBytes = 0;
  #ended = false;

  constructor(base: readonly Entry[], version: number, batchRows: number) {
    this.#base = base;
    this.version = version;
    this.#batchRows = batchRows;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  end(): void {
    this.#ended = true;
  }

  get(key: Uint8Array, options: ReadOptions = {}): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    const name = nameOf(key);
    if (options.snapshot !== true) {
      this.reads.push({ begin: name, end: `${name}\0` });
    }
    const entries = this.#view();
    const entry = entries[lowerBound(entries, name)];
    return Promise.resolve(entry?.name === name ? pooled(entry.value) : undefined);
  }

  async *getRange(range: KeyRange, options: RangeOptions = {}): AsyncGenerator<readonly KeyValue[]> {
    this.#assertOpen();
    const { begin, end } = namesOf(range);
    const entries = this.#view();
    const all = entries.slice(lowerBound(entries, begin), lowerBound(entries, end));
    const rows = options.reverse === true ? all.toReversed() : all;
    const limited = rows.slice(0, options.limit ?? rows.length);
    const read = (part: NameRange): void => {
      if (options.snapshot !== true && part.begin < part.end) {
        this.reads.push(part);
      }
    };
    for (let at = 0; at < limited.length; at += this.#batchRows) {
      const batch = limited.slice(at, at + this.#batchRows);
      const last = batch.at(-1)?.name ?? begin;
      read(options.reverse === true ? { begin: last, end } : { begin, end: `${last}\0` });
      yield batch.map((entry) => {
        const room = options.into?.(entry.value.length);
        room?.set(entry.value);
        return { key: pooled(entry.key), value: room ?? pooled(entry.value) };
      });
      await Promise.resolve();
      this.#assertOpen();
    }
    if (limited.length === rows.length) {
      read({ begin, end });
    }
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#count(key, value.length);
    this.mutations.push({ type: "set", key, value });
  }

  clear(key: Uint8Array): void {
    this.#count(key, 0);
    const name = nameOf(key);
    this.mutations.push({ type: "clearRange", range: { begin: name, end: `${name}\0` } });
  }

  clearRange(range: KeyRange): void {
    this.#count(range.begin, range.end.length);
    this.mutations.push({ type: "clearRange", range: namesOf(range) });
  }

  add(key: Uint8Array, delta: bigint): void {
    this.#count(key, 8);
    this.mutations.push({ type: "add", key, delta });
  }

  setVersionstampedKey(key: Uint8Array, offset: number, value: Uint8Array): void {
    this.#count(key, value.length);
    this.mutations.push({ type: "stampKey", key, value, at: offset });
  }

  setVersionstampedValue(key: Uint8Array, value: Uint8Array, offset: number): void {
    this.#count(key, value.length);
    this.mutations.push({ type: "stampValue", key, value, at: offset });
  }

  addReadConflictRange(range: KeyRange): void {
    this.#assertOpen();
    this.reads.push(namesOf(range));
  }

  #view(): readonly Entry[] {
    return this.mutations.length === 0 ? this.#base : applied(this.#base, this.mutations, 0);
  }

  #count(key: Uint8Array, otherBytes: number): void {
    this.#assertOpen();
    if (key.length > LIMITS.keyBytes) {
      throw new StoreError("key_too_large", "a key is over the limit");
    }
    if (otherBytes > LIMITS.valueBytes) {
      throw new StoreError("value_too_large", "a value is over the limit");
    }
    this.#writtenBytes += 3 * key.length + otherBytes + WRITE_OVERHEAD_BYTES;
    if (this.#writtenBytes > LIMITS.transactionBytes) {
      throw new StoreError("too_large", "a transaction is over the limit");
    }
  }

  #assertOpen(): void {
    if (this.#ended) {
      throw new Error("a transaction was used after its end");
    }
  }
}

function applied(base: readonly Entry[], mutations: readonly Mutation[], version: number): readonly Entry[] {
  const sets = new Map<string, Entry>();
  const clears: NameRange[] = [];
  const current = (name: string): Uint8Array | undefined => {
    const own = sets.get(name);
    if (own !== undefined || clears.some((range) => name >= range.begin && name < range.end)) {
      return own?.value;
    }
    const entry = base[lowerBound(base, name)];
    return entry?.name === name ? entry.value : undefined;
  };
  for (const mutation of mutations) {
    if (mutation.type === "clearRange") {
      const { begin, end } = mutation.range;
      clears.push(mutation.range);
      for (const name of sets.keys()) {
        if (name >= begin && name < end) {
          sets.delete(name);
        }
      }
    } else if (mutation.type === "add") {
      const sum = Buffer.alloc(8);
      const before = Buffer.from(current(nameOf(mutation.key)) ?? new Uint8Array(8));
      sum.writeBigUInt64LE(BigInt.asUintN(64, before.readBigUInt64LE() + mutation.delta));
      sets.set(nameOf(mutation.key), { name: nameOf(mutation.key), key: mutation.key, value: sum });
    } else {
      const { key, value } = stamped(mutation, version);
      sets.set(nameOf(key), { name: nameOf(key), key: Uint8Array.from(key), value: Uint8Array.from(value) });
    }
  }
  return merged(kept(base, clears), [...sets.values()].sort(byName));
}

function stamped(
  mutation: Exclude<Mutation, { type: "clearRange" }>,
  version: number,
): { key: Uint8Array; value: Uint8Array } {
  if (mutation.type === "set") {
    return mutation;
  }
  if (mutation.type === "add") {
    return { key: mutation.key, value: new Uint8Array(0) };
  }
  const stamp = Buffer.alloc(10);
  stamp.writeBigUInt64BE(BigInt(version));
  const key = Uint8Array.from(mutation.key);
  const value = Uint8Array.from(mutation.value);
  (mutation.type === "stampKey" ? key : value).set(stamp, mutation.at);
  return { key, value };
}

function kept(base: readonly Entry[], clears: readonly NameRange[]): readonly Entry[] {
  let entries = base;
  for (const { begin, end } of clears) {
    const from = lowerBound(entries, begin);
    const to = lowerBound(entries, end);
    if (from < to) {
      entries = [...entries.slice(0, from), ...entries.slice(to)];
    }
  }
  return entries;
}

function merged(entries: readonly Entry[], sets: readonly Entry[]): readonly Entry[] {
  const parts: (readonly Entry[])[] = [];
  let at = 0;
  for (const set of sets) {
    const to = lowerBound(entries, set.name);
    parts.push(entries.slice(at, to), [set]);
    at = entries[to]?.name === set.name ? to + 1 : to;
  }
  parts.push(entries.slice(at));
  return parts.flat();
}

/** Latin-1: strings of it compare as their bytes do. */
function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

function namesOf(range: KeyRange): NameRange {
  return { begin: nameOf(range.begin), end: nameOf(range.end) };
}

function byName(a: Entry, b: Entry): number {
  return a.name < b.name ? -1 : 1;
}

function lowerBound(entries: readonly Entry[], name: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.name ?? "") < name) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** As engines hand values out: a Buffer, in the middle of memory that holds other things. */
function pooled(bytes: Uint8Array): Uint8Array {
  const pool = Buffer.allocUnsafe(bytes.length + 2).fill(0xa5, 0, 1);
  pool.set(bytes, 1);
  return pool.subarray(1, bytes.length + 1);
}
