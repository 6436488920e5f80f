import { StoreError } from "./errors.ts";
import type { KeyRange, KeyValue, RangeOptions, ReadOptions, Store, Transaction, TransactOptions } from "./store.ts";

/**
 * A store that reads and refuses to write: for planning and dry runs, which must change nothing whatever they call. It begins nothing more
 * once the signal fires: nothing is left half done where nothing is written.
 */
export class ReadOnlyStore implements Store {
  readonly #inner: Store;
  readonly #signal: AbortSignal | undefined;

  constructor(inner: Store, signal?: AbortSignal) {
    this.#inner = inner;
    this.#signal = signal;
  }

  get url(): string {
    return this.#inner.url;
  }

  get engine(): Store["engine"] {
    return this.#inner.engine;
  }

  transact<T>(body: (tx: Transaction) => Promise<T>, options: TransactOptions = {}): Promise<T> {
    const signal = options.signal ?? this.#signal;
    return this.#inner.transact((tx) => body(new ReadOnlyTransaction(tx)), {
      ...options,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

class ReadOnlyTransaction implements Transaction {
  readonly writtenBytes = 0;
  readonly #inner: Transaction;

  constructor(inner: Transaction) {
    this.#inner = inner;
  }

  get(key: Uint8Array, options?: ReadOptions): Promise<Uint8Array | undefined> {
    return this.#inner.get(key, options);
  }

  getRange(range: KeyRange, options?: RangeOptions): AsyncIterable<readonly KeyValue[]> {
    return this.#inner.getRange(range, options);
  }

  addReadConflictRange(range: KeyRange): void {
    this.#inner.addReadConflictRange(range);
  }

  set(): never {
    return refuse();
  }

  clear(): never {
    return refuse();
  }

  clearRange(): never {
    return refuse();
  }

  add(): never {
    return refuse();
  }

  setVersionstampedKey(): never {
    return refuse();
  }

  setVersionstampedValue(): never {
    return refuse();
  }
}

function refuse(): never {
  throw new StoreError("read_only", "something tried to write to a store that was opened to be read only");
}
