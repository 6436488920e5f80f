import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { open, type RootDatabase, type RootDatabaseOptions } from "lmdb";
import { GATE_DIRECTORY, unusable } from "./lmdb-directory.ts";

/** There while a process opens the store, or died doing so. */
const SIGN_FILE = "opening";
/** The gate's own database stays empty. */
const MAP_BYTES = 2 ** 20;
/** Longer than a batch of commits takes on any disk that is of use. */
const LONGEST_COMMIT_MS = 30_000;
const LOOK_MS = 1;

/** How to make a gate. */
export interface GateOptions {
  /** Commits under way at once, of all processes. */
  readonly maxCommits: number;
  /** How long to wait for the commits of other processes before opening is given up. Default: 30 s. */
  readonly waitMs?: number;
}

/**
 * Keeps the opening of a store and the commits of other processes apart.
 *
 * To open an environment, LMDB as the binding (3.5.6) has it reads the number of the last commit from the file and, some time later, sets
 * the number that all processes go by to that, without the write lock. Commits between the two are undone: the next writer begins at the
 * one before them, and what it writes takes their place. LMDB mended that in 0.9.29 (ITS#9496), the binding did not.
 *
 * The gate is a second environment, beside the store's, that is there for its locks alone. Nothing is ever written to it, so that it can be
 * opened at any time. One who opens holds its write lock, puts up a sign, and waits for the commits that are under way. One who commits
 * holds a read transaction on it and then looks for the sign, so that either sees the other. LMDB takes back the locks of processes that
 * died; a sign is taken down by whoever finds it up while nobody holds the write lock.
 */
export class LmdbGate {
  readonly #path: string;
  readonly #sign: string;
  readonly #waitMs: number;
  readonly #locks: RootDatabase<Buffer, Uint8Array>;

  /** `path`: the directory of the store, which has been looked at: LMDB's binding crashes when it fails to open what it is given. */
  constructor(path: string, options: GateOptions) {
    const settings: RootDatabaseOptions & { path: string } = {
      path: join(path, GATE_DIRECTORY),
      noSubdir: false,
      encoding: "binary",
      keyEncoding: "binary",
      mapSize: MAP_BYTES,
      maxReaders: options.maxCommits,
      maxDbs: 1,
      overlappingSync: false,
      eventTurnBatching: false,
    };
    this.#path = path;
    this.#sign = join(settings.path, SIGN_FILE);
    this.#waitMs = options.waitMs ?? LONGEST_COMMIT_MS;
    this.#locks = open<Buffer, Uint8Array>(settings);
  }

  /**
   * Runs `work` while no process commits, and no other one opens; blocks the thread until that is so.
   * @throws UnavailableError when a commit takes too long
   */
  alone<T>(work: () => T): T {
    return this.#locks.transactionSync(() => {
      writeFileSync(this.#sign, "");
      try {
        this.#awaitCommits();
        return work();
      } finally {
        rmSync(this.#sign, { force: true });
      }
    });
  }

  /** Runs `commit` while no process opens the store; many can at once. */
  async pass<T>(commit: () => Promise<T>): Promise<T> {
    for (;;) {
      const hold = this.#locks.useReadTransaction();
      try {
        if (!existsSync(this.#sign)) {
          return await commit();
        }
      } finally {
        hold.done();
        // Or the binding would keep it until the next turn of the event loop, and one who opens would wait for that.
        this.#locks.resetReadTxn();
      }
      await this.#locks.transaction(() => {
        rmSync(this.#sign, { force: true });
      });
    }
  }

  close(): Promise<void> {
    return this.#locks.close();
  }

  /** Two looks: one who began to commit as the sign went up has seen it by the second. */
  #awaitCommits(): void {
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (let looks = 0, waitedMs = 0; looks < 2; waitedMs += LOOK_MS) {
      if (waitedMs >= this.#waitMs) {
        throw unusable(this.#path, "the embedded store cannot be opened while another process is so slow to commit");
      }
      if (looks + waitedMs > 0) {
        Atomics.wait(sleeper, 0, 0, LOOK_MS);
      }
      this.#locks.readerCheck();
      looks = hasTransactions(this.#locks.readerList()) ? 0 : looks + 1;
    }
  }
}

/** Whether one of LMDB's list of readers, `pid thread transaction` each under a heading, has a transaction: the others' is `-`. */
function hasTransactions(readers: string): boolean {
  return readers.split("\n").some((line) => /^\s*\d/.test(line) && !line.endsWith("-"));
}
