import { ABORT } from "lmdb";
import type { Clock } from "../clock.ts";
import type { LmdbEnvironment } from "./lmdb-environment.ts";
import { toLmdbStoreError } from "./lmdb-errors.ts";
import type { LmdbGate } from "./lmdb-gate.ts";
import { type CommitRequest, LmdbResolver, type Resolution } from "./lmdb-resolver.ts";
import type { ReadVersions } from "./read-versions.ts";

interface PendingCommit extends CommitRequest {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Bytes written under one hold of the write lock, which keeps the event loop and other processes waiting. */
const BATCH_BYTES = 8 * 2 ** 20;
const BATCH_COMMITS = 1_024;
/** How often to look for readers that died and whose snapshots keep pages from being used again. */
const READER_CHECK_MS = 10_000;

/**
 * Commits transactions of this process, many at a time: while one batch is written to disk the next gathers, so that
 * concurrent commits share the write lock, which all processes on the directory take in turns, and the sync.
 */
export class LmdbCommitter {
  readonly #environment: LmdbEnvironment;
  readonly #gate: LmdbGate;
  readonly #resolver: LmdbResolver;
  readonly #clock: Clock;
  #queue: PendingCommit[] = [];
  #isRunning = false;
  #lastReaderCheckMs: number;

  /** `reads`: of all transactions that may be committed here, until they have been. */
  constructor(environment: LmdbEnvironment, gate: LmdbGate, clock: Clock, reads: ReadVersions) {
    this.#environment = environment;
    this.#gate = gate;
    this.#resolver = new LmdbResolver(environment, clock, reads);
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
    let resolution: Resolution | undefined;
    try {
      await this.#gate.pass(() =>
        // A child transaction, because only that can be undone: an error in the middle must not leave half a batch.
        this.#environment.root.childTransaction(() => {
          batch = this.#takeBatch();
          resolution = this.#resolver.resolve(batch);
          return resolution.record === undefined ? ABORT : undefined;
        }),
      );
    } catch (error) {
      this.#resolver.forget();
      const cause = await causeOf(error);
      const origin = { directory: this.#environment.path, isOfCommit: cause !== error };
      for (const pending of batch.length > 0 ? batch : this.#takeBatch()) {
        pending.reject(toLmdbStoreError(cause, origin));
      }
      return;
    }
    if (resolution?.record !== undefined) {
      this.#resolver.remember(resolution.record);
    }
    for (const [order, pending] of batch.entries()) {
      const error = resolution?.errors[order];
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

  #checkReaders(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#lastReaderCheckMs >= READER_CHECK_MS) {
      this.#lastReaderCheckMs = nowMs;
      this.#environment.root.readerCheck();
    }
  }
}

/** When a commit fails, the binding rejects with an error that promises the real one. */
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
