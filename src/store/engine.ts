import type { Priority, Transaction } from "./store.ts";

/** What one attempt at a transaction is given. */
export interface BeginOptions {
  readonly priority: Priority;
  /** Time left for this attempt, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * One attempt at a transaction, as an engine offers it: a `Transaction` without the checks every engine shares
 * (see `CheckedTransaction`), and how it ends. Errors are `StoreError`s already.
 */
export interface EngineTransaction extends Omit<Transaction, "writtenBytes"> {
  /** Resolves when the writes are durable. Called at most once, and only when there are writes. */
  commit(): Promise<void>;
  /** Lets go of everything the attempt holds; idempotent, and called in every case. */
  release(): void;
}

/** What begins attempts. */
export interface Engine {
  begin(options: BeginOptions): EngineTransaction;
}
