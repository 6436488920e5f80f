import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type OpenStoreOptions } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";

/** Opens a store for one test; closed, and its rows gone, after the test. */
export type MakeStore = (options?: OpenStoreOptions) => Promise<Store>;

/** A cluster that tests may empty whenever they like: it must hold nothing else. */
const CLUSTER_FILE_VARIABLE = "FERRY_TEST_FDB_CLUSTER_FILE";

/**
 * Declares the same tests for every engine there is here: `lmdb` always, `fdb` when FERRY_TEST_FDB_CLUSTER_FILE names a
 * throw-away cluster. All stores one test makes are the same, empty, store. It is emptied after what the tests themselves do after
 * each test, so that no process of theirs still writes to it.
 */
export function forEachEngine(declare: (makeStore: MakeStore, engine: Store["engine"]) => void): void {
  describe("on lmdb", () => {
    let directory: string;
    const stores: Store[] = [];

    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), "ferry-store-"));
    });

    declare(async (options) => {
      const store = await openStore(`lmdb:${directory}`, options);
      stores.push(store);
      return store;
    }, "lmdb");

    afterEach(async () => {
      await Promise.all(stores.splice(0).map((store) => store.close()));
      await rm(directory, { recursive: true });
    });
  });

  describe("on fdb", () => {
    // eslint-disable-next-line n/no-process-env -- the one place where tests learn of a cluster
    const clusterFile = process.env[CLUSTER_FILE_VARIABLE];
    if (clusterFile === undefined || clusterFile === "") {
      it(`SKIPPED: FoundationDB suite: set ${CLUSTER_FILE_VARIABLE}`);
      return;
    }
    const url = `fdb:${clusterFile}`;
    const stores: Store[] = [];

    // A run that was killed leaves its rows.
    before(async () => {
      const store = await openStore(url);
      await clearStore(store);
      await store.close();
    });

    declare(async (options) => {
      const store = await openStore(url, options);
      stores.push(store);
      return store;
    }, "fdb");

    afterEach(async () => {
      if (stores[0] !== undefined) {
        await clearStore(stores[0]);
      }
      await Promise.all(stores.splice(0).map((store) => store.close()));
    });
  });
}

/** The same store, in which `transact` is another. */
export function storeWith(store: Store, transact: Store["transact"]): Store {
  return { url: store.url, engine: store.engine, transact, close: () => store.close() };
}

/** Removes every row. */
export async function clearStore(store: Store): Promise<void> {
  await store.transact(async (tx) => {
    tx.clearRange({ begin: new Uint8Array(), end: Uint8Array.of(0xff) });
    await Promise.resolve();
  });
}
