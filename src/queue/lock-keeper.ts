/*
 * Keeps the locks of running jobs, in place of BullMQ's own renewal, which
 *   - only emits an event when a renewal is refused, and nothing but a log line when it cannot be sent;
 *   - books locks by job id, so that the end of an old run stops the renewal of a newer run of the same job in the same process.
 * Here a lock is held until a time on this process's monotonic clock, counted from when its last successful renewal was *sent*. When that
 * time passes - Redis away, process stopped, event loop blocked - the lock counts as lost, without asking anyone.
 */

/** Tells Redis to hold the locks for `lockMs` from now, and returns the job ids whose lock is not ours any more. */
type ExtendLocks = (jobIds: string[], tokens: string[], lockMs: number) => Promise<string[]>;

interface HeldLock {
  readonly jobId: string;
  readonly token: string;
  readonly lost: () => void;
  heldUntilMs: number;
}

/** `nowMs` is a monotonic clock. `onError` hears of renewals that could not be sent. */
export interface LockKeeperOptions {
  readonly lockMs: number;
  readonly extend: ExtendLocks;
  readonly onError: (error: unknown) => void;
  readonly nowMs?: () => number;
}

/** Renews each lock three times in its duration; calls `lost` once when one is gone. */
export class LockKeeper {
  readonly #options: LockKeeperOptions;
  readonly #nowMs: () => number;
  readonly #locks = new Set<HeldLock>();
  /** Set only while a lock is held: an idle worker asks nothing. */
  #timer: NodeJS.Timeout | undefined;
  /** One request at a time: while Redis is away they would pile up. */
  #isRenewing = false;

  constructor(options: LockKeeperOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /**
   * Starts to keep a lock taken `ageMs` ago; the returned function ends it. `lost` is called at most once, at once when the lock has run
   * out already, and not after the end.
   */
  hold(jobId: string, token: string, ageMs: number, lost: () => void): () => void {
    for (const other of this.#locks) {
      if (other.jobId === jobId) {
        this.#lose(other); // Redis has given the job out anew, so an older lock on it is gone.
      }
    }
    const lock: HeldLock = { jobId, token, lost, heldUntilMs: this.#nowMs() + this.#options.lockMs - ageMs };
    this.#locks.add(lock);
    this.#timer ??= setInterval(() => {
      this.tick();
    }, this.#options.lockMs / 6);
    this.#dropExpired();
    return () => {
      this.#forget(lock);
    };
  }

  /** Gives up what has run out and renews the rest; the timer calls it. */
  tick(): void {
    this.#dropExpired();
    const renewBeforeMs = this.#nowMs() + (this.#options.lockMs * 2) / 3;
    const due = [...this.#locks].filter((lock) => lock.heldUntilMs <= renewBeforeMs);
    if (due.length > 0 && !this.#isRenewing) {
      void this.#renew(due);
    }
  }

  #dropExpired(): void {
    const nowMs = this.#nowMs();
    for (const lock of this.#locks) {
      if (lock.heldUntilMs <= nowMs) {
        this.#lose(lock);
      }
    }
  }

  async #renew(due: readonly HeldLock[]): Promise<void> {
    this.#isRenewing = true;
    const sentAtMs = this.#nowMs();
    try {
      const refused = new Set(
        await this.#options.extend(
          due.map((lock) => lock.jobId),
          due.map((lock) => lock.token),
          this.#options.lockMs,
        ),
      );
      for (const lock of due) {
        if (refused.has(lock.jobId)) {
          this.#lose(lock);
        } else {
          lock.heldUntilMs = sentAtMs + this.#options.lockMs;
        }
      }
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#isRenewing = false;
      this.#dropExpired();
    }
  }

  #lose(lock: HeldLock): void {
    if (this.#forget(lock)) {
      lock.lost();
    }
  }

  #forget(lock: HeldLock): boolean {
    const wasHeld = this.#locks.delete(lock);
    if (this.#locks.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    return wasHeld;
  }
}
