import { type Clock, systemClock } from "./clock.ts";
import { CheckedTransaction } from "./checked-transaction.ts";
import type { Engine } from "./engine.ts";
import { StoreError } from "./errors.ts";
import type { Priority, Transaction, TransactionObserver, TransactionReport, TransactOptions } from "./store.ts";

const DEFAULT_ATTEMPTS = 100;
const DEFAULT_TIMEOUT_MS = 60_000;
const FIRST_BACKOFF_MS = 2;
const FIRST_THROTTLED_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 1_000;

/** What the retry loop of a store needs besides the engine. */
export interface TransactorOptions {
  readonly observer?: TransactionObserver | undefined;
  /** Priority of transactions that ask for none. Default: `default`. */
  readonly priority?: Priority | undefined;
  readonly clock?: Clock | undefined;
  /** Between 0 and 1, for the jitter. */
  readonly random?: (() => number) | undefined;
}

type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown; readonly canRetry: boolean };

/**
 * The retry loop of every engine: runs a body, commits, and runs it again on errors that another attempt may cure, with
 * exponential backoff and full jitter, until attempts or time are used up.
 */
export class Transactor {
  readonly #engine: Engine;
  readonly #observer: TransactionObserver | undefined;
  readonly #priority: Priority;
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor(engine: Engine, options: TransactorOptions) {
    this.#engine = engine;
    this.#observer = options.observer;
    this.#priority = options.priority ?? "default";
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** See `Store.transact`. */
  async transact<T>(body: (tx: Transaction) => Promise<T>, options: TransactOptions = {}): Promise<T> {
    const { signal, maxAttempts = DEFAULT_ATTEMPTS, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const deadlineMs = this.#clock.nowMs() + timeoutMs;
    for (let attempts = 1; ; attempts++) {
      signal?.throwIfAborted();
      const attempt = await this.#attempt(body, options, deadlineMs);
      if (attempt.ok) {
        return attempt.value;
      }
      if (!attempt.canRetry) {
        throw attempt.error;
      }
      const backoffMs = this.#backoffMs(attempts, attempt.error);
      if (attempts >= maxAttempts || this.#clock.nowMs() + backoffMs >= deadlineMs) {
        throw new StoreError("timed_out", "a transaction did not commit within its attempts and its time", {
          details: { label: options.label, attempts, maxAttempts, timeoutMs },
          cause: attempt.error,
        });
      }
      await this.#clock.sleep(backoffMs, signal);
    }
  }

  async #attempt<T>(
    body: (tx: Transaction) => Promise<T>,
    options: TransactOptions,
    deadlineMs: number,
  ): Promise<Attempt<T>> {
    const startedMs = this.#clock.nowMs();
    let commitStartedMs: number | undefined;
    let tx: CheckedTransaction | undefined;
    const report = (result: TransactionReport["result"]): void => {
      const nowMs = this.#clock.nowMs();
      this.#observer?.({
        label: options.label ?? "other",
        result,
        writtenBytes: tx?.writtenBytes ?? 0,
        durationMs: nowMs - startedMs,
        commitMs: commitStartedMs === undefined ? 0 : nowMs - commitStartedMs,
      });
    };
    let inner;
    try {
      inner = this.#engine.begin({
        priority: options.priority ?? this.#priority,
        timeoutMs: Math.max(1, Math.ceil(deadlineMs - startedMs)),
      });
      tx = new CheckedTransaction(inner);
      const value = await body(tx);
      tx.end();
      if (tx.hasWrites) {
        commitStartedMs = this.#clock.nowMs();
        await inner.commit();
      }
      report(tx.hasWrites ? "committed" : "read_only");
      return { ok: true, value };
    } catch (error) {
      report(error instanceof StoreError ? error.kind : "failed");
      return { ok: false, error, canRetry: error instanceof StoreError && error.retryable };
    } finally {
      tx?.end();
      inner?.release();
    }
  }

  #backoffMs(attempts: number, error: unknown): number {
    const throttled = error instanceof StoreError && error.kind === "throttled";
    const first = throttled ? FIRST_THROTTLED_BACKOFF_MS : FIRST_BACKOFF_MS;
    return this.#random() * Math.min(LAST_BACKOFF_MS, first * 2 ** attempts);
  }
}
