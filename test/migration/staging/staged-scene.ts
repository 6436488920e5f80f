import { expect } from "chai";
import type { Layout, Outcome } from "../../../src/migration/outcome.ts";
import type { Store } from "../../../src/store/store.ts";
import { MemoryStore, type GatePoint } from "../../support/memory-store.ts";
import { attempt, STAGED, steppedTarget, TestClock, type AttemptOptions } from "../../support/reference-attempt.ts";
import { firstDifference, leaseRows, logicalKey, readMigrated, v2RowsOf } from "../../support/reference.ts";
import { bytesOf, lifeRow, syntheticImage, testActor, v1Rows, type Row } from "../../support/v1-actors.ts";

/** Three reads of v1 and four transactions of rows. */
export const PAGES = 600;
const STEPPED = { ...STAGED, context: { target: steppedTarget(190) } };
/** It has a database in v1 and sleeps. */
export const ACTOR = testActor(31);
export const IMAGE = syntheticImage(PAGES, "text");
export const V1 = [...v1Rows(ACTOR, IMAGE), lifeRow(ACTOR, "SLEEP_TS", 5n)];
/** A store that holds it: to begin others from. */
export const SLEEPING = new MemoryStore();
SLEEPING.load(V1);
/** The default of how long a lease holds. */
export const LEASE_MS = 60_000;

/** Something that happens once, when the attempt under test comes to a point of the given label for the n-th time. */
export interface Happening {
  readonly label: string;
  readonly point?: GatePoint;
  readonly nth?: number;
  readonly act: (store: MemoryStore) => Promise<void> | void;
}

/** A store with the actor in it, in which something happens at a point. */
export function storeWhere(happening?: Happening, rows?: readonly Row[]): MemoryStore {
  let seen = 0;
  let done = false;
  const store: MemoryStore = new MemoryStore({
    ...(rows === undefined ? { from: SLEEPING } : {}),
    gate: async (point, label) => {
      if (happening === undefined || done || label !== happening.label || point !== (happening.point ?? "begin")) {
        return;
      }
      seen += 1;
      if (seen === (happening.nth ?? 1)) {
        done = true;
        await happening.act(store);
      }
    },
  });
  store.load(rows ?? []);
  return store;
}

/** One attempt at the actor, in steps. */
export function staged(
  store: Store,
  layout: Layout,
  options: AttemptOptions = {},
  clock = new TestClock(),
): Promise<Outcome> {
  const context = { ...STEPPED.context, ...options.context };
  return attempt(store, ACTOR, clock, { layout, ...STEPPED, ...options, context });
}

/** The image is on v2, whole, and nothing is left of how it came there. */
export function expectRight(store: MemoryStore, layout: Layout, image: Uint8Array = IMAGE): void {
  const rows = store.dump();
  expect(firstDifference(readMigrated(ACTOR, rows, layout).image, image)).to.equal(undefined);
  expect(leaseRows(rows)).to.deep.equal([]);
  expect(store.openTransactions).to.equal(0);
}

/** Nothing of the actor is on v2, nor under way. */
export function expectClean(store: MemoryStore): void {
  expect(v2RowsOf(ACTOR, store.dump()).length, "v2 rows").to.equal(0);
  expect(leaseRows(store.dump()).length, "lease rows").to.equal(0);
  expect(store.openTransactions).to.equal(0);
}

/** A happening: this row is written. */
export function setRow(row: Row): (store: MemoryStore) => void {
  return (store) => {
    store.load([row]);
  };
}

/** A happening: rows with this prefix are gone. */
export function clearPrefix(prefix: Uint8Array): (store: MemoryStore) => void {
  return (store) => {
    store.load([], [{ begin: prefix, end: bytesOf(prefix, 0xff) }]);
  };
}

/** Lets the lease that is held expire now. */
export function expire(store: MemoryStore): void {
  store.load([{ key: bytesOf(2, "ferry", 0, 2, "lease_expiry", 0, 2, ACTOR.id, 0), value: new Uint8Array(8) }]);
}

/** The actor's META row. */
export const META = bytesOf(Buffer.from("1415030273716c6974652d73746f7261676500", "hex"), logicalKey(ACTOR, "/META"));
/** What keys of leases start with. */
export const LEASE = bytesOf(2, "ferry", 0, 2, "lease", 0);
