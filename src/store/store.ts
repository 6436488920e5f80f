import type { StoreErrorKind } from "./errors.ts";

/** FoundationDB's limits, kept by every engine: documented at "Known Limitations" of its manual. */
export const LIMITS = {
  keyBytes: 10_000,
  valueBytes: 100_000,
  transactionBytes: 10_000_000,
  transactionMs: 5_000,
} as const;

/** A row: key and value, both plain bytes. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Keys from `begin`, included, to `end`, excluded, in byte order. */
export interface KeyRange {
  readonly begin: Uint8Array;
  readonly end: Uint8Array;
}

/** How a read takes part in conflict detection: `snapshot` reads never conflict. Default: serializable. */
export interface ReadOptions {
  readonly snapshot?: boolean;
}

/**
 * `limit`: at most so many rows (default: all). `reverse`: from the end.
 *
 * `into`: where values go, asked for each in the order of rows: for reading megabytes into memory that is used again. Where it gives none,
 * the value has memory of its own.
 */
export interface RangeOptions extends ReadOptions {
  readonly limit?: number;
  readonly reverse?: boolean;
  readonly into?: ValueRoom;
}

/** Memory of the caller's for a value of so many bytes, just as long; or none. */
export type ValueRoom = (length: number) => Uint8Array | undefined;

/**
 * One transaction: reads see one version of the store plus the transaction's own writes; writes happen at commit, all or none.
 * Byte arrays handed in are the store's until the transaction ends; those handed out are the caller's to read, not to change.
 */
export interface Transaction {
  /** The value at `key`, or undefined. */
  get(key: Uint8Array, options?: ReadOptions): Promise<Uint8Array | undefined>;
  /** The rows of a range in order, in batches as the engine streams them; an empty range gives no batch. */
  getRange(range: KeyRange, options?: RangeOptions): AsyncIterable<readonly KeyValue[]>;
  set(key: Uint8Array, value: Uint8Array): void;
  clear(key: Uint8Array): void;
  clearRange(range: KeyRange): void;
  /** Adds `delta` to the 8-byte little-endian integer at `key` (absent counts as 0), without reading it: never conflicts. */
  add(key: Uint8Array, delta: bigint): void;
  /**
   * Sets `key` with its ten bytes at `offset` replaced at commit by the transaction's versionstamp:
   * unique over the life of the store, rising with commit order, the same for all rows of one transaction.
   */
  setVersionstampedKey(key: Uint8Array, offset: number, value: Uint8Array): void;
  /** The same with the ten bytes in the value. */
  setVersionstampedValue(key: Uint8Array, value: Uint8Array, offset: number): void;
  /** Conflicts when another transaction wrote in the range since this one's read version, without reading it. */
  addReadConflictRange(range: KeyRange): void;
  /** Bytes this transaction will write as FoundationDB counts them: keys and values of sets, keys of clears. */
  readonly writtenBytes: number;
}

/** `batch`: yields to the engine's own work when the cluster is busy (FoundationDB's batch priority). */
export type Priority = "default" | "batch";

/** Options of one `transact` call. */
export interface TransactOptions {
  /** Static name for metrics and tests, e.g. `stage`. Default: `other`. */
  readonly label?: string;
  /** Stops between attempts, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Attempts in all before `timed_out`. Default 100. */
  readonly maxAttempts?: number;
  /** Time in all before `timed_out`, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number;
  readonly priority?: Priority;
}

/** What `transact` reports of every attempt it makes: for metrics, load control and limits under test. */
export interface TransactionReport {
  readonly label: string;
  /** `committed` wrote; `read_only` had nothing to write; `failed` is a body that threw an error of its own; else the error's kind. */
  readonly result: "committed" | "read_only" | "failed" | StoreErrorKind;
  readonly writtenBytes: number;
  readonly durationMs: number;
  /** The commit alone; 0 where nothing was committed. */
  readonly commitMs: number;
}

/** Observes every attempt of a store; must not throw. */
export type TransactionObserver = (report: TransactionReport) => void;

/** The ordered transactional key-value store: what FoundationDB offers and no more. */
export interface Store {
  /** Engine and place, safe to print, e.g. `lmdb:./data`. */
  readonly url: string;
  readonly engine: "lmdb" | "fdb";
  /**
   * Runs `body` in a transaction and commits; again from the start, with backoff, on a retryable error.
   * A body can run more than once, and once more after a commit that did happen: it has no effects outside its transaction.
   * @throws StoreError `timed_out`, `too_large`, `key_too_large`, `value_too_large`, `read_only`, `disk_full`, `unavailable`, `closed`;
   *   and whatever the body throws that is not a retryable StoreError.
   */
  transact<T>(body: (tx: Transaction) => Promise<T>, options?: TransactOptions): Promise<T>;
  /** Releases everything; idempotent. Transactions under way end first. */
  close(): Promise<void>;
}
