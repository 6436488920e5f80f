import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { StoreError, type StoreErrorKind } from "../../../src/store/errors.ts";
import type { KeyRange, RangeOptions, Store, Transaction, TransactOptions } from "../../../src/store/store.ts";
import type { MakeStore } from "../../support/stores.ts";

/** Bytes of a text. */
export const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** Text of bytes. */
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString("latin1");

/**
 * One test's corner of a store: keys are given by name and live under a random prefix, and rows come back by name.
 * What a test does outside its prefix is its own to clear.
 */
export class Corner {
  readonly makeStore: MakeStore;
  readonly store: Store;
  readonly #prefix = Buffer.from(`contract/${randomBytes(8).toString("hex")}/`);

  constructor(makeStore: MakeStore, store: Store) {
    this.makeStore = makeStore;
    this.store = store;
  }

  readonly key = (name: string): Uint8Array => Buffer.concat([this.#prefix, bytes(name)]);

  range(begin: string, end: string): KeyRange {
    return { begin: this.key(begin), end: this.key(end) };
  }

  /** All keys of this corner. */
  get everything(): KeyRange {
    return { begin: this.#prefix, end: this.key("\xff\xff\xff") };
  }

  /** Names and values of the rows of a range, in the order they come. */
  async rows(tx: Transaction, range = this.everything, options?: RangeOptions): Promise<[string, string][]> {
    const rows: [string, string][] = [];
    for await (const batch of tx.getRange(range, options)) {
      expect(batch).to.not.have.length(0);
      for (const { key, value } of batch) {
        rows.push([Buffer.from(key).subarray(this.#prefix.length).toString("latin1"), String(text(value))]);
      }
    }
    return rows;
  }

  /** Writes rows in a transaction of their own. */
  readonly put = async (rows: Readonly<Record<string, string>>): Promise<void> => {
    await this.write((tx) => {
      for (const [name, value] of Object.entries(rows)) {
        tx.set(this.key(name), bytes(value));
      }
    });
  };

  /** A transaction that only writes. */
  async write(body: (tx: Transaction) => void, options?: TransactOptions): Promise<void> {
    await this.store.transact((tx) => {
      body(tx);
      return Promise.resolve();
    }, options);
  }

  /** Everything in this corner, by name. */
  async contents(): Promise<Record<string, string>> {
    return Object.fromEntries(await this.store.transact((tx) => this.rows(tx)));
  }

  async clear(): Promise<void> {
    await this.write((tx) => {
      tx.clearRange(this.everything);
    });
  }
}

/** Declares tests that each get a corner of a store of their own, opened before and cleared after. */
export function withCorner(makeStore: MakeStore, declare: (corner: () => Corner) => void): void {
  let current: Corner | undefined;
  beforeEach(async () => {
    current = new Corner(makeStore, await makeStore());
  });
  afterEach(async () => {
    await current?.clear();
  });
  declare(() => {
    if (current === undefined) {
      throw new Error("a test used its corner before it began");
    }
    return current;
  });
}

/** The error a promise ends with. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  const ended: { error?: unknown } | undefined = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  expect(ended, "the promise was expected to be rejected").to.not.equal(undefined);
  return ended?.error;
}

/** The kind of the StoreError a promise ends with. */
export async function kindOf(promise: Promise<unknown>): Promise<StoreErrorKind> {
  const error = await errorOf(promise);
  if (!(error instanceof StoreError)) {
    throw error;
  }
  return error.kind;
}
