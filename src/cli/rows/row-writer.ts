import type { KeyValue, Store } from "../../store/store.ts";

/** Bytes of keys and values in one transaction: far from every limit, and large enough that commits do not dominate. */
const TRANSACTION_BYTES = 1_000_000;
/** Small rows are bounded by their number too: a transaction has five seconds. */
const TRANSACTION_ROWS = 5_000;

/** Writes any number of rows in order, in transactions of about 1 MB; holds no more than one of them. */
export class RowWriter {
  readonly #store: Store;
  readonly #signal: AbortSignal;
  readonly #label: string;
  #rows: KeyValue[] = [];
  #bytes = 0;
  /** Rows committed so far. */
  written = 0;

  constructor(store: Store, options: { label: string; signal: AbortSignal }) {
    this.#store = store;
    this.#label = options.label;
    this.#signal = options.signal;
  }

  /** Adds a row; commits first when it would not fit any more. */
  async add(row: KeyValue): Promise<void> {
    const bytes = row.key.length + row.value.length;
    if (this.#bytes + bytes > TRANSACTION_BYTES || this.#rows.length >= TRANSACTION_ROWS) {
      await this.flush();
    }
    this.#rows.push(row);
    this.#bytes += bytes;
  }

  /** Commits what is held. */
  async flush(): Promise<void> {
    const rows = this.#rows;
    if (rows.length === 0) {
      return;
    }
    this.#rows = [];
    this.#bytes = 0;
    await this.#store.transact(
      (tx) => {
        for (const { key, value } of rows) {
          tx.set(key, value);
        }
        return Promise.resolve();
      },
      { label: this.#label, signal: this.#signal },
    );
    this.written += rows.length;
  }
}
