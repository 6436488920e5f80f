import type { Store, Transaction, TransactOptions } from "./store.ts";

/** What a store that maps its file may keep resident before it is opened anew. */
export interface RemappingOptions {
  /** Bytes of mapped files that are resident in this process now; undefined where the system does not say. */
  readonly residentBytes: () => number | undefined;
  /** Beyond what is resident at the opening. Default 16 MiB. */
  readonly limitBytes?: number;
  readonly nowMs?: () => number;
}

const DEFAULT_LIMIT_BYTES = 16 * 1024 * 1024;
/** How often to look; at a gigabyte a second twenty megabytes come in between. */
const LOOK_EVERY_MS = 20;
/** How long new transactions wait for those under way. A body that itself waits for another transaction would wait for ever. */
const QUIET_DEADLINE_MS = 1_000;
/** After waiting in vain. */
const RETRY_MS = 10_000;

/**
 * Keeps the memory of an engine that maps its file in bounds. Pages that were read stay resident in the process until the system needs them:
 * as much as the data is large, and counted as the worker's. So after so many of them the store is closed and opened again, which takes
 * milliseconds, between transactions.
 */
export class RemappingStore implements Store {
  readonly url: string;
  readonly engine: Store["engine"];
  readonly #open: () => Store;
  readonly #options: Required<RemappingOptions>;
  /** Undefined between closing and opening again. */
  #inner: Store | undefined;
  #limitBytes: number;
  #running = 0;
  #nextLookMs = 0;
  /** Set while the store is to be opened anew: new transactions wait for it. */
  #remapping: Promise<void> | undefined;
  #becameQuiet: (() => void) | undefined;
  #isClosed = false;

  constructor(open: () => Store, options: RemappingOptions) {
    this.#open = open;
    this.#options = { limitBytes: DEFAULT_LIMIT_BYTES, nowMs: () => performance.now(), ...options };
    this.#inner = open();
    this.#limitBytes = this.#limitFromNow();
    ({ url: this.url, engine: this.engine } = this.#inner);
  }

  async transact<T>(body: (tx: Transaction) => Promise<T>, options?: TransactOptions): Promise<T> {
    while (this.#remapping !== undefined) {
      await this.#remapping;
    }
    const inner = this.#opened();
    this.#running += 1;
    try {
      return await inner.transact(body, options);
    } finally {
      this.#running -= 1;
      if (this.#running === 0) {
        this.#becameQuiet?.();
      }
      if (this.#isDue()) {
        this.#remapping = this.#remap().finally(() => {
          this.#remapping = undefined;
        });
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#remapping;
    await this.#opened().close();
  }

  #opened(): Store {
    if (this.#inner === undefined) {
      this.#inner = this.#open();
      this.#limitBytes = this.#limitFromNow();
    }
    return this.#inner;
  }

  #isDue(): boolean {
    const nowMs = this.#options.nowMs();
    if (this.#isClosed || this.#remapping !== undefined || nowMs < this.#nextLookMs) {
      return false;
    }
    this.#nextLookMs = nowMs + LOOK_EVERY_MS;
    const residentBytes = this.#options.residentBytes();
    return residentBytes !== undefined && residentBytes > this.#limitBytes;
  }

  async #remap(): Promise<void> {
    if (!(await this.#quiet())) {
      this.#nextLookMs = this.#options.nowMs() + RETRY_MS;
      return;
    }
    const inner = this.#inner;
    this.#inner = undefined;
    await inner?.close();
  }

  /** Whether no transaction is under way, within the deadline. */
  async #quiet(): Promise<boolean> {
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, QUIET_DEADLINE_MS);
        this.#becameQuiet = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#becameQuiet = undefined;
    }
    return this.#running === 0;
  }

  #limitFromNow(): number {
    return (this.#options.residentBytes() ?? 0) + this.#options.limitBytes;
  }
}
