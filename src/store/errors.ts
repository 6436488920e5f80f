import { FerryError, type ErrorDetails } from "../errors.ts";

/**
 * What went wrong in a store, as a caller has to act on it. Same kinds in every engine.
 *
 * - `conflict`: another transaction changed what this one read (FoundationDB 1020); retried by `transact`.
 * - `commit_unknown`: the commit may or may not have happened (1021); retried by `transact`, so bodies are idempotent.
 * - `too_old`: the transaction outlived the 5 s window (1007); retried by `transact`.
 * - `timed_out`: `transact` used up its attempts or its time; the last cause is attached.
 * - `too_large`: more than 10,000,000 bytes affected (2101); final.
 * - `key_too_large`, `value_too_large`: over 10,000 / 100,000 bytes (2102, 2103); final.
 * - `read_only`: a write through a store opened to refuse writes; final.
 * - `throttled`: the cluster asked to slow down (process behind, tag throttled, 1037, 1213); retried by `transact`.
 * - `disk_full`: the embedded store has no room; waits for an operator.
 * - `unavailable`: the engine cannot be reached or opened.
 * - `closed`: the store was closed.
 */
export type StoreErrorKind =
  | "conflict"
  | "commit_unknown"
  | "too_old"
  | "timed_out"
  | "too_large"
  | "key_too_large"
  | "value_too_large"
  | "read_only"
  | "throttled"
  | "disk_full"
  | "unavailable"
  | "closed";

const RETRYABLE: ReadonlySet<StoreErrorKind> = new Set(["conflict", "commit_unknown", "too_old", "throttled"]);

/** An error of a store; `code` is `store_` and its kind. */
export class StoreError extends FerryError {
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(`store_${kind}`, message, options);
    this.kind = kind;
  }

  /** Whether the same transaction may succeed when its body runs again. */
  get retryable(): boolean {
    return RETRYABLE.has(this.kind);
  }
}
