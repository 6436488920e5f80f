import { UsageError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import { openFdbStore } from "./fdb/fdb-store.ts";
import { openLmdbStore } from "./lmdb/lmdb-store.ts";
import { ReadOnlyStore } from "./read-only-store.ts";
import type { Priority, Store, TransactionObserver } from "./store.ts";

/** How to open a store. */
export interface OpenStoreOptions {
  /** Told of every attempt at a transaction. */
  readonly observer?: TransactionObserver;
  /** Priority of transactions that ask for none. Default: `default`. */
  readonly priority?: Priority;
  /** Whether writes are refused with `read_only`, and nothing is made when there is no store. Default: no. */
  readonly readOnly?: boolean;
  /** Ends what reads a store that is read only, with its reason. */
  readonly signal?: AbortSignal;
  /** Whether an embedded store is made where there is none. Default: yes, unless it is to be read only. */
  readonly create?: boolean;
  readonly clock?: Clock;
}

/**
 * Opens the store that `url` names: `lmdb:DIRECTORY` or `fdb:CLUSTER_FILE`.
 * @throws UsageError when the URL names no kind of store there is, or no place.
 * @throws UnavailableError when the store cannot be opened as things stand.
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<Store> {
  const store = await openWritable(url, options);
  return options.readOnly === true ? new ReadOnlyStore(store, options.signal) : store;
}

async function openWritable(url: string, options: OpenStoreOptions): Promise<Store> {
  const [, kind = "", place = ""] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (kind !== "lmdb" && kind !== "fdb") {
    throw new UsageError("a store is named lmdb:DIRECTORY or fdb:CLUSTER_FILE", { details: { url } });
  }
  if (place === "") {
    throw new UsageError("the name of a store lacks its place: lmdb:DIRECTORY or fdb:CLUSTER_FILE", {
      details: { url },
    });
  }
  switch (kind) {
    case "lmdb":
      return openLmdbStore(place, { ...options, create: options.create ?? options.readOnly !== true });
    case "fdb":
      return openFdbStore(place, options);
  }
}
