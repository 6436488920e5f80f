import { StoreError } from "./errors.ts";
import type { Transactor } from "./transactor.ts";
import type { Store, Transaction, TransactOptions } from "./store.ts";

/** What makes a store of an engine. */
export interface EngineStoreOptions {
  readonly url: string;
  readonly engine: Store["engine"];
  readonly transactor: Transactor;
  /** Called once, when nothing is under way any more. */
  readonly release: () => Promise<void>;
}

/** The life of a store, the same for every engine: open, closing (what is under way ends, nothing new begins), closed. */
export class EngineStore implements Store {
  readonly url: string;
  readonly engine: Store["engine"];
  readonly #transactor: Transactor;
  readonly #release: () => Promise<void>;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(options: EngineStoreOptions) {
    this.url = options.url;
    this.engine = options.engine;
    this.#transactor = options.transactor;
    this.#release = options.release;
  }

  async transact<T>(body: (tx: Transaction) => Promise<T>, options?: TransactOptions): Promise<T> {
    if (this.#closing !== undefined) {
      throw new StoreError("closed", "the store was closed");
    }
    const running = this.#transactor.transact(body, options);
    this.#underWay.add(running);
    try {
      return await running;
    } finally {
      this.#underWay.delete(running);
    }
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(this.#release);
    return this.#closing;
  }
}
