import { InvariantError, UnavailableError, UsageError } from "../errors.ts";
import { StoreError, type StoreErrorKind } from "../store/errors.ts";

/** How an error is tried again: exponential with jitter, so that a store that comes back is not met by all workers at once. */
export interface RetryPolicy {
  /** Attempts in all before the actor counts as failed. Default 8. */
  readonly attempts: number;
  /** Wait before the second attempt, in milliseconds; doubles each time. Default 5,000. */
  readonly baseDelayMs: number;
  /** Longest wait, in milliseconds. Default 300,000: eight attempts then span some ten minutes, a failover or a rolling restart. */
  readonly maxDelayMs: number;
}

/** See `RetryPolicy`. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = { attempts: 8, baseDelayMs: 5_000, maxDelayMs: 300_000 };

const FINAL_STORE_ERRORS: ReadonlySet<StoreErrorKind> = new Set([
  "too_large",
  "key_too_large",
  "value_too_large",
  "read_only",
]);

/** Whether the same error is sure to come again: a bug, a wrong setting, a limit of the store. Everything else is tried again. */
export function isFinalError(error: unknown): boolean {
  return (
    error instanceof InvariantError ||
    error instanceof UsageError ||
    (error instanceof StoreError && FINAL_STORE_ERRORS.has(error.kind))
  );
}

const STORE_TROUBLE: ReadonlySet<StoreErrorKind> = new Set([
  "throttled",
  "unavailable",
  "disk_full",
  "commit_unknown",
  "too_old",
  "closed",
]);
/** So long after its trouble a store is asked again at the latest. */
const LONGEST_STORE_DELAY_MS = 60_000;

/**
 * Whether the store is the trouble and not the actor: it is away, full, busy or slow. Such an error spends no attempt, however often it
 * comes. A transaction that timed out because others wrote what it read is about the actor; every other timeout is about the store.
 */
export function isStoreTrouble(error: unknown): boolean {
  if (!(error instanceof StoreError)) {
    return error instanceof UnavailableError;
  }
  return error.kind === "timed_out"
    ? !(error.cause instanceof StoreError && error.cause.kind === "conflict")
    : STORE_TROUBLE.has(error.kind);
}

/** The wait before the store is asked again, in milliseconds. `starts`: how often in vain, from 1. */
export function storeDelayMs(policy: RetryPolicy, starts: number, random?: () => number): number {
  return retryDelayMs({ ...policy, maxDelayMs: Math.min(policy.maxDelayMs, LONGEST_STORE_DELAY_MS) }, starts, random);
}

/** The wait after attempt number `attempt` (from 1), in milliseconds: between half of the exponential delay and all of it. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const full = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  return Math.round(full / 2 + (full / 2) * random());
}
