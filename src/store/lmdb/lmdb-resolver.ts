import type { Clock } from "../clock.ts";
import {
  decodeCommitRecord,
  decodeCommitTime,
  decodeVersion,
  encodeCommitRecord,
  encodeVersion,
} from "./commit-log.ts";
import { type CommitRecord, commitRecord, ConflictWindow, intersects } from "./conflict-window.ts";
import { addToCounter } from "../counter.ts";
import { StoreError } from "../errors.ts";
import { VERSIONSTAMP_BYTES } from "../limits.ts";
import type { LmdbEnvironment } from "./lmdb-environment.ts";
import { LmdbRows } from "./lmdb-rows.ts";
import { tooOld, VERSION_KEY } from "./lmdb-snapshot.ts";
import { type Mutation, withVersionstamp, type WriteSet, writeSetOf } from "./mutation.ts";
import type { ReadSet } from "./read-set.ts";
import type { ReadVersions } from "./read-versions.ts";
import { LIMITS } from "../store.ts";

/** What a transaction hands in to be committed. */
export interface CommitRequest {
  readonly reads: ReadSet;
  /** The version the reads saw; undefined when there were none that can conflict. */
  readonly readVersion: bigint | undefined;
  readonly mutations: readonly Mutation[];
  /** Size of the writes, to bound what is committed at once. */
  readonly affectedBytes: number;
}

/** What became of a batch. */
export interface Resolution {
  /** Why each transaction of the batch did not commit; undefined where it did. */
  readonly errors: readonly (StoreError | undefined)[];
  /** What was written, to be remembered once it is committed; undefined when nothing was. */
  readonly record: CommitRecord | undefined;
}

/** How long the log keeps commits: the window and as much again, so that none is forgotten that a commit may ask for. */
const LOGGED_MS = 2 * LIMITS.transactionMs;
/** Rows of the log removed with one commit: more than are added with it, and few enough not to keep it waiting. */
const LOG_ROWS_REMOVED = 16;

/**
 * Decides which transactions commit, and writes them.
 *
 * A batch is one write transaction of LMDB, one version, and one row of the commit log. Under the write lock each transaction
 * is checked against all commits after its read version, of all processes, and against those before it in the batch: it
 * commits wholly or not at all, as if the transactions had run one after another.
 *
 * Of the log each process reads and holds in memory what its own transactions under way can be judged by. Holding all of it made
 * every process of a fleet decode what every other one wrote, and keep it for ten seconds: long enough to end among V8's old objects,
 * which are collected late, as the largest single part of them.
 */
export class LmdbResolver {
  readonly #environment: LmdbEnvironment;
  readonly #clock: Clock;
  readonly #reads: ReadVersions;
  readonly #window = new ConflictWindow();

  /** `reads`: of all transactions that may be handed in, until they have been. */
  constructor(environment: LmdbEnvironment, clock: Clock, reads: ReadVersions) {
    this.#environment = environment;
    this.#clock = clock;
    this.#reads = reads;
  }

  /** Within a write transaction, which has to be undone when there is no record or this throws. */
  resolve(batch: readonly CommitRequest[]): Resolution {
    const version = this.#catchUp() + 1n;
    const rows = new LmdbRows(this.#environment.rows);
    const nowMs = this.#clock.nowMs();
    const written: CommitRecord[] = [];
    const all: WriteSet = { keys: [], ranges: [] };
    const errors = batch.map((request, order) => {
      const error = this.#judge(request, written);
      if (error === undefined) {
        const stamp = encodeVersionstamp(version, order);
        for (const mutation of request.mutations) {
          applyMutation(rows, mutation, stamp);
        }
        const writes = writeSetOf(request.mutations, stamp);
        // After the last one nobody has to be judged by it alone.
        if (order < batch.length - 1) {
          written.push(commitRecord(version, nowMs, writes));
        }
        all.keys.push(...writes.keys);
        all.ranges.push(...writes.ranges);
      }
      return error;
    });
    if (!errors.includes(undefined)) {
      return { errors, record: undefined };
    }
    const record = commitRecord(version, nowMs, all);
    this.#writeLog(record);
    return { errors, record };
  }

  /** After the write transaction of `record` is committed. */
  remember(record: CommitRecord): void {
    this.#window.push(record);
  }

  /** After a write transaction failed: the log is read anew, because what this one did to it is undone. */
  forget(): void {
    this.#window.reset(0n);
  }

  #writeLog(record: CommitRecord): void {
    const { root, log } = this.#environment;
    for (const key of [...log.getKeys({ limit: LOG_ROWS_REMOVED })]) {
      const row = log.getBinaryFast(key);
      if (row === undefined || decodeCommitTime(row) >= record.timeMs - LOGGED_MS) {
        break;
      }
      log.removeSync(key);
    }
    log.putSync(encodeVersion(record.version), encodeCommitRecord(record));
    root.putSync(VERSION_KEY, encodeVersion(record.version) as Buffer);
  }

  /** Reads what other processes committed that transactions of this one can be judged by, and returns the last version. */
  #catchUp(): bigint {
    const { root, log } = this.#environment;
    const stored = root.get(VERSION_KEY);
    const version = stored === undefined ? 0n : decodeVersion(stored);
    this.#window.forgetUpTo(this.#reads.oldest ?? version);
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

  #judge(request: CommitRequest, written: readonly CommitRecord[]): StoreError | undefined {
    const { reads, readVersion } = request;
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
}

function applyMutation(rows: LmdbRows, mutation: Mutation, stamp: Uint8Array): void {
  switch (mutation.type) {
    case "set":
      rows.put(mutation.key, mutation.value);
      break;
    case "clear":
      rows.remove(mutation.key);
      break;
    case "clearRange":
      rows.removeRange(mutation);
      break;
    case "add":
      rows.put(mutation.key, addToCounter(rows.get(mutation.key, undefined), mutation.delta));
      break;
    case "stampKey":
      rows.put(withVersionstamp(mutation.key, mutation.offset, stamp), mutation.value);
      break;
    case "stampValue":
      rows.put(mutation.key, withVersionstamp(mutation.value, mutation.offset, stamp));
      break;
  }
}

function encodeVersionstamp(version: bigint, order: number): Uint8Array {
  const stamp = Buffer.alloc(VERSIONSTAMP_BYTES);
  stamp.writeBigUInt64BE(version, 0);
  stamp.writeUInt16BE(order, 8);
  return stamp;
}
