import type { RootDatabase, Transaction as LmdbTransactionHandle } from "lmdb";
import type { Clock } from "../clock.ts";
import { decodeVersion } from "./commit-log.ts";
import { StoreError } from "../errors.ts";
import type { ReadHold, ReadVersions } from "./read-versions.ts";
import { LIMITS } from "../store.ts";

/** Where an environment keeps the version of its last commit. */
export const VERSION_KEY = Buffer.from("version");

/**
 * One version of the store to read from, for as long as a transaction may live.
 *
 * LMDB frees no page that an open snapshot can see, so a snapshot lets go by itself after 5 seconds, however long its
 * transaction's body takes: the file must not grow because somebody waits. Its version is held until the transaction has ended,
 * or can end in nothing but `too_old`.
 */
export class LmdbSnapshot {
  /** The version of the last commit it sees. */
  readonly version: bigint;
  readonly #openedMs: number;
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  readonly #reads: ReadVersions;
  readonly #hold: ReadHold;
  #handle: LmdbTransactionHandle | undefined;

  constructor(root: RootDatabase<Buffer, Uint8Array>, clock: Clock, reads: ReadVersions) {
    // Without the reset, LMDB's binding may hand out a snapshot that it took earlier in this turn of the event loop, and a
    // transaction begun after another one's commit would not see it.
    root.resetReadTxn();
    this.#handle = root.useReadTransaction();
    const version = root.get(VERSION_KEY, { transaction: this.#handle });
    this.version = version === undefined ? 0n : decodeVersion(version);
    this.#reads = reads;
    this.#hold = reads.hold(this.version);
    this.#clock = clock;
    this.#openedMs = clock.nowMs();
    this.#timer = setTimeout(() => {
      this.release();
    }, LIMITS.transactionMs).unref();
  }

  /** Whether the snapshot has outlived the window in which commits can be judged. */
  get isTooOld(): boolean {
    return this.#clock.nowMs() - this.#openedMs > LIMITS.transactionMs;
  }

  /**
   * What to read with.
   * @throws StoreError `too_old`
   */
  get handle(): LmdbTransactionHandle {
    if (this.#handle === undefined || this.isTooOld) {
      this.release();
      throw tooOld();
    }
    return this.#handle;
  }

  /** Lets go of the pages, as nothing is read any more, and holds the version until `release`; idempotent. */
  releasePages(): void {
    clearTimeout(this.#timer);
    this.#handle?.done();
    this.#handle = undefined;
  }

  /** Lets go of everything; idempotent. */
  release(): void {
    this.releasePages();
    this.#reads.release(this.#hold);
  }
}

/** The error of a transaction that outlived the window. */
export function tooOld(): StoreError {
  return new StoreError("too_old", "a transaction took longer than the store remembers commits", {
    details: { limitMs: LIMITS.transactionMs },
  });
}
