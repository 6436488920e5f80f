import { ABORT } from "lmdb";
import type { Clock } from "./clock.ts";
import { decodeCommitRecord, decodeVersion, encodeCommitRecord, encodeVersion } from "./commit-log.ts";
import { type CommitRecord, commitRecord, ConflictWindow, intersects } from "./conflict-window.ts";
import { addToCounter } from "./counter.ts";
import { StoreError } from "./errors.ts";
import type { LmdbEnvironment } from "./lmdb-environment.ts";
import { toLmdbStoreError } from "./lmdb-errors.ts";
import { LmdbRows } from "./lmdb-rows.ts";
import { tooOld, VERSION_KEY } from "./lmdb-snapshot.ts";
import { VERSIONSTAMP_BYTES } from "./limits.ts";
import { type Mutation, withVersionstamp, type WriteSet, writeSetOf } from "./mutation.ts";
import type { ReadSet } from "./read-set.ts";
import { LIMITS } from "./store.ts";

/** What a transaction hands in to be committed. */
export interface CommitRequest {
  readonly reads: ReadSet;
  /** The version the reads saw; undefined when there were none that can conflict. */
  readonly readVersion: bigint | undefined;
  readonly mutations: readonly Mutation[];
  /** Size of the writes, to bound what is committed at once. */
  readonly affectedBytes: number;
}

interface PendingCommit extends CommitRequest {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How long commits are remembered: the window and as much again, so that none is forgotten that a commit may ask for. */
const REMEMBERED_MS = 2 * LIMITS.transactionMs;
/** Bytes written under one hold of the write lock, which keeps the event loop and other processes waiting. */
const BATCH_BYTES = 8 * 2 ** 20;
const BATCH_COMMITS = 1_024;
/** How often to look for readers that died and whose snapshots keep pages from being used again. */
const READER_CHECK_MS = 10_000;

/**
 * Commits transactions of this process, many at a time: while one batch is written to disk the next gathers, so that
 * concurrent commits share the write lock and the sync.
 *
 * A batch is one write transaction of LMDB, one version, and one row of the commit log. Under the write lock, which all
 * processes on the directory share, each transaction is checked against all commits after its read version and against
 * those before it in the batch: it commits wholly or conflicts, as if the transactions had run one after another.
 */
export class LmdbCommitter {
  readonly #environment: LmdbEnvironment;
  readonly #rows: LmdbRows;
  readonly #clock: Clock;
  readonly #window = new ConflictWindow();
  #queue: PendingCommit[] = [];
  #isRunning = false;
  #lastReaderCheckMs: number;

  constructor(environment: LmdbEnvironment, clock: Clock) {
    this.#environment = environment;
    this.#rows = new LmdbRows(environment.rows);
    this.#clock = clock;
    this.#lastReaderCheckMs = clock.nowMs();
  }

  /**
   * Resolves when the writes are on disk.
   * @throws StoreError `conflict`, `too_old`, `disk_full`, `commit_unknown`, `unavailable`
   */
  commit(request: CommitRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...request, resolve, reject });
      if (!this.#isRunning) {
        this.#isRunning = true;
        void this.#run();
      }
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#commitBatch();
      this.#checkReaders();
    }
    this.#isRunning = false;
  }

  async #commitBatch(): Promise<void> {
    let batch: PendingCommit[] = [];
    let refused = new Map<PendingCommit, StoreError>();
    let record: CommitRecord | undefined;
    try {
      // A child transaction, because only that can be undone: an error in the middle must not leave half a batch.
      await this.#environment.root.childTransaction(() => {
        batch = this.#takeBatch();
        ({ refused, record } = this.#writeBatch(batch));
        return record === undefined ? ABORT : undefined;
      });
    } catch (error) {
      this.#window.reset(0n);
      const cause = await causeOf(error);
      for (const pending of batch.length > 0 ? batch : this.#takeBatch()) {
        pending.reject(toLmdbStoreError(cause, this.#environment.path));
      }
      return;
    }
    if (record !== undefined) {
      this.#window.push(record);
    }
    for (const pending of batch) {
      const error = refused.get(pending);
      if (error === undefined) {
        pending.resolve();
      } else {
        pending.reject(error);
      }
    }
  }

  #takeBatch(): PendingCommit[] {
    let count = 0;
    let bytes = 0;
    for (const pending of this.#queue) {
      if (count >= BATCH_COMMITS || bytes >= BATCH_BYTES) {
        break;
      }
      bytes += pending.affectedBytes;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** Within the write transaction: checks and writes; no record when every transaction of the batch was refused. */
  #writeBatch(batch: readonly PendingCommit[]): {
    refused: Map<PendingCommit, StoreError>;
    record: CommitRecord | undefined;
  } {
    const { root, log } = this.#environment;
    const refused = new Map<PendingCommit, StoreError>();
    const lastVersion = this.#catchUp();
    const version = lastVersion + 1n;
    const written: CommitRecord[] = [];
    const all: WriteSet = { keys: [], ranges: [] };
    const nowMs = this.#clock.nowMs();
    for (const [order, pending] of batch.entries()) {
      const error = this.#judge(pending, written);
      if (error !== undefined) {
        refused.set(pending, error);
        continue;
      }
      const stamp = encodeVersionstamp(version, order);
      for (const mutation of pending.mutations) {
        this.#apply(mutation, stamp);
      }
      const writes = writeSetOf(pending.mutations, stamp);
      written.push(commitRecord(version, nowMs, writes));
      all.keys.push(...writes.keys);
      all.ranges.push(...writes.ranges);
    }
    if (written.length === 0) {
      return { refused, record: undefined };
    }
    const record = commitRecord(version, nowMs, all);
    for (const forgotten of this.#window.prune(nowMs - REMEMBERED_MS)) {
      log.removeSync(encodeVersion(forgotten));
    }
    log.putSync(encodeVersion(version), encodeCommitRecord(record) as Buffer);
    root.putSync(VERSION_KEY, encodeVersion(version) as Buffer);
    return { refused, record };
  }

  /** Reads what other processes committed since this one last looked, and returns the last version. */
  #catchUp(): bigint {
    const { root, log } = this.#environment;
    const stored = root.get(VERSION_KEY);
    const version = stored === undefined ? 0n : decodeVersion(stored);
    if (version !== this.#window.version) {
      for (const row of log.getRange({ start: encodeVersion(this.#window.version + 1n) })) {
        const record = decodeCommitRecord(decodeVersion(row.key), row.value);
        if (record.version !== this.#window.version + 1n) {
          this.#window.reset(record.version - 1n);
        }
        this.#window.push(record);
      }
    }
    return version;
  }

  #judge(pending: PendingCommit, written: readonly CommitRecord[]): StoreError | undefined {
    const { reads, readVersion } = pending;
    if (readVersion === undefined) {
      return undefined;
    }
    if (this.#window.isTooOld(readVersion)) {
      return tooOld();
    }
    if (this.#window.conflicts(reads, readVersion) || written.some((earlier) => intersects(earlier, reads))) {
      return new StoreError("conflict", "another transaction changed what this one read");
    }
    return undefined;
  }

  #apply(mutation: Mutation, stamp: Uint8Array): void {
    switch (mutation.type) {
      case "set":
        this.#rows.put(mutation.key, mutation.value);
        break;
      case "clear":
        this.#rows.remove(mutation.key);
        break;
      case "clearRange":
        this.#rows.removeRange(mutation);
        break;
      case "add":
        this.#rows.put(mutation.key, addToCounter(this.#rows.get(mutation.key, undefined), mutation.delta));
        break;
      case "stampKey":
        this.#rows.put(withVersionstamp(mutation.key, mutation.offset, stamp), mutation.value);
        break;
      case "stampValue":
        this.#rows.put(mutation.key, withVersionstamp(mutation.value, mutation.offset, stamp));
        break;
    }
  }

  #checkReaders(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#lastReaderCheckMs >= READER_CHECK_MS) {
      this.#lastReaderCheckMs = nowMs;
      this.#environment.root.readerCheck();
    }
  }
}

function encodeVersionstamp(version: bigint, order: number): Uint8Array {
  const stamp = Buffer.alloc(VERSIONSTAMP_BYTES);
  stamp.writeBigUInt64BE(version, 0);
  stamp.writeUInt16BE(order, 8);
  return stamp;
}

/** The binding rejects with an error that promises the real one. */
async function causeOf(error: unknown): Promise<unknown> {
  if (error instanceof Error && "commitError" in error) {
    try {
      await error.commitError;
    } catch (cause) {
      return cause;
    }
  }
  return error;
}
