import type { Store } from "../../src/store/store.ts";
import { MemoryStore } from "./memory-store.ts";
import { loadRows } from "./reference-attempt.ts";
import { LONG } from "./run-options.ts";
import { clearStore, forEachEngine } from "./stores.ts";
import type { Row } from "./v1-actors.ts";

/** Gives a store with these rows and no others; as often in a test as it likes, each taking the place of the one before. */
export type Prepare = (rows: readonly Row[]) => Promise<Store>;

/**
 * Declares the same tests in memory and, in the long form, on every engine there is here: what walks through every step of an attempt
 * runs it hundreds of times, which on a disk takes minutes.
 */
export function forEachGround(declare: (prepare: Prepare) => void): void {
  describe("in memory", () => {
    const bases = new Map<readonly Row[], MemoryStore>();
    declare((rows) => {
      const base = bases.get(rows) ?? new MemoryStore();
      if (!bases.has(rows)) {
        base.load(rows);
        bases.set(rows, base);
      }
      return Promise.resolve(new MemoryStore({ from: base }));
    });
  });
  if (!LONG) {
    return;
  }
  forEachEngine((makeStore) => {
    let store: Store | undefined;

    beforeEach(() => {
      store = undefined;
    });

    declare(async (rows) => {
      store ??= await makeStore();
      await clearStore(store);
      await loadRows(store, rows);
      return store;
    });
  });
}
