import type { Store, Transaction, TransactOptions } from "../../src/store/store.ts";

/** What a killed process sees of its store from then on: nothing. */
export class CrashError extends Error {}

/**
 * What happens at one commit:
 * - `cut_before`: the process dies before it; nothing of the transaction is there.
 * - `cut_after`: the process dies after it; all of it is there.
 * - `unknown_lost`, `unknown_happened`: the store cannot say whether it committed, and runs the body again.
 * - a function: someone else acts between the body and its commit, which then conflicts or not.
 */
export type Fault = "cut_before" | "cut_after" | "unknown_lost" | "unknown_happened" | (() => Promise<void>);

export const CUTS = ["cut_before", "cut_after"] as const;
export const UNKNOWNS = ["unknown_lost", "unknown_happened"] as const;

/** A store that counts the commits of one attempt, on any engine, and lets one of them go wrong. */
export class FaultyStore implements Store {
  readonly url: string;
  readonly engine: Store["engine"];
  /** Labels of the commits so far, in order; repetitions after a conflict count. */
  readonly commits: string[] = [];
  readonly #inner: Store;
  readonly #at: number;
  readonly #fault: Fault | undefined;
  #dead = false;

  /** The fault is at commit number `at`, from 1; without one nothing goes wrong. */
  constructor(inner: Store, at = 0, fault?: Fault) {
    this.#inner = inner;
    this.url = inner.url;
    this.engine = inner.engine;
    this.#at = at;
    this.#fault = fault;
  }

  async transact<T>(body: (tx: Transaction) => Promise<T>, options: TransactOptions = {}): Promise<T> {
    for (;;) {
      let fault: Fault | undefined;
      const lost = new Error("the commit's result is unknown: it did not happen");
      let value: T;
      try {
        value = await this.#inner.transact(async (tx) => {
          this.#assertAlive();
          const result = await body(tx);
          this.#assertAlive();
          fault = tx.writtenBytes === 0 ? undefined : this.#nextFault(options.label ?? "other");
          if (fault === "unknown_lost") {
            throw lost;
          }
          if (fault === "cut_before") {
            this.#die();
          }
          if (typeof fault === "function") {
            await fault();
          }
          return result;
        }, options);
      } catch (error) {
        if (error === lost) {
          continue;
        }
        throw error;
      }
      if (fault === "cut_after") {
        this.#die();
      }
      if (fault !== "unknown_happened") {
        this.#assertAlive();
        return value;
      }
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #nextFault(label: string): Fault | undefined {
    this.commits.push(label);
    return this.commits.length === this.#at ? this.#fault : undefined;
  }

  #die(): never {
    this.#dead = true;
    throw new CrashError("the process is dead");
  }

  #assertAlive(): void {
    if (this.#dead) {
      throw new CrashError("the process is dead");
    }
  }
}

/** What a tampering store does to each row that a transaction with this label sets: another value, or `undefined` to drop it. */
export type Tamper = (label: string, key: Uint8Array, value: Uint8Array) => Uint8Array | undefined;

/** A store that does not store what it was given. */
export class TamperingStore implements Store {
  readonly url: string;
  readonly engine: Store["engine"];
  readonly #inner: Store;
  readonly #tamper: Tamper;

  constructor(inner: Store, tamper: Tamper) {
    this.#inner = inner;
    this.url = inner.url;
    this.engine = inner.engine;
    this.#tamper = tamper;
  }

  transact<T>(body: (tx: Transaction) => Promise<T>, options: TransactOptions = {}): Promise<T> {
    const set = (tx: Transaction) => (key: Uint8Array, value: Uint8Array) => {
      const stored = this.#tamper(options.label ?? "other", key, value);
      if (stored !== undefined) {
        tx.set(key, stored);
      }
    };
    return this.#inner.transact(async (tx) => body(overriding(tx, set(tx))), options);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function overriding(tx: Transaction, set: Transaction["set"]): Transaction {
  return new Proxy(tx, {
    get(target, property) {
      if (property === "set") {
        return set;
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
