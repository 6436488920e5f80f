import { expect } from "chai";
import { readOutcome } from "../../src/campaign/ledger/ledger.ts";
import type { Layout, Outcome } from "../../src/migration/outcome.ts";
import type { Store } from "../../src/store/store.ts";
import { FaultyStore, type Fault } from "./faulty-store.ts";
import { MemoryStore } from "./memory-store.ts";
import {
  attempt,
  dumpRows,
  endingOf,
  STAGED,
  steppedTarget,
  TestClock,
  withoutLedger,
  type AttemptOptions,
  type Ending,
} from "./reference-attempt.ts";
import { firstDifference, leaseRows, readMigrated, readV2, sha256, v2RowsOf } from "./reference.ts";
import { bytesOf, lifeRow, startsWith, syntheticImage, testActor, v1Rows, type Row } from "./v1-actors.ts";

/*
 * What the suites share that let every step of an attempt go wrong: one actor, the ways to migrate it, and what must be so in the end.
 */

export const ACTOR = testActor(41);
export const IMAGE = syntheticImage(300, "text");
export const SLEEPING: readonly Row[] = [...v1Rows(ACTOR, IMAGE), lifeRow(ACTOR, "SLEEP_TS", 5n)];
export const LEASE_MS = 60_000;

export type Way = "in one transaction" | "staged";

/** In one transaction, and staged in five. */
export const WAYS: readonly (readonly [Way, AttemptOptions])[] = [
  ["in one transaction", { smallImageBytes: 2 * 1024 * 1024 }],
  ["staged", { ...STAGED, context: { target: steppedTarget(64) } }],
];

/** The labels of the commits of an attempt that nothing befalls. */
export async function commitsOf(rows: readonly Row[], options: AttemptOptions): Promise<string[]> {
  const store = new MemoryStore();
  store.load(rows);
  const counted = new FaultyStore(store);
  await attempt(counted, ACTOR, new TestClock(), options);
  return counted.commits;
}

/** One attempt of which commit number `at` goes wrong. */
export async function faulty(
  store: Store,
  at: number,
  fault: Fault,
  clock: TestClock,
  options: AttemptOptions,
): Promise<Ending> {
  const ending = await endingOf(attempt(new FaultyStore(store, at, fault), ACTOR, clock, options));
  if (store instanceof MemoryStore) {
    expect(store.openTransactions, "transactions that outlive the attempt").to.equal(0);
  }
  return ending;
}

/** Whatever happened so far: a complete image is the right one. */
export async function expectNothingWrong(store: Store, image: Uint8Array = IMAGE): Promise<void> {
  const rows = v2RowsOf(ACTOR, await dumpRows(store));
  const meta = rows.find(({ key }) => key.length === 19 + 31 + 5 && key[19] === 2);
  if (meta !== undefined && meta.value.at(-1) !== 2) {
    expect(firstDifference(readV2(ACTOR, rows).image, image)).to.equal(undefined);
  }
}

/** The state that all faults must end in: the image as the reference reads it, every row accounted for, v1 as it was, and no other row. */
export async function expectMigrated(store: Store, layout: Layout, outcome: Outcome): Promise<void> {
  const rows = await dumpRows(store);
  expect(outcome, JSON.stringify(outcome)).to.include({ state: "migrated", layout, sha256: sha256(IMAGE) });
  expect(firstDifference(readMigrated(ACTOR, rows, layout).image, IMAGE)).to.equal(undefined);
  const own = new Set(v2RowsOf(ACTOR, rows));
  expect(withoutLedger(rows.filter((row) => !own.has(row)))).to.deep.equal(withoutLedger(SLEEPING).toSorted());
  await expectLedger(store, outcome);
}

/** Nothing of v2 and no lease. */
export async function expectUntouched(store: Store, where: string): Promise<void> {
  const rows = await dumpRows(store);
  expect(v2RowsOf(ACTOR, rows), where).to.deep.equal([]);
  expect(leaseRows(rows), where).to.deep.equal([]);
}

/** The ledger holds this outcome, and the one index row that goes with it. */
export async function expectLedger(store: Store, outcome: Outcome): Promise<void> {
  expect(await readOutcome(store, ACTOR.id)).to.deep.equal(outcome);
  const index = (await dumpRows(store)).filter(({ key }) => startsWith(key, bytesOf(2, "ferry", 0, 2, "by_state", 0)));
  const { state, reason = "" } = outcome;
  const expected = bytesOf(2, "ferry", 0, 2, "by_state", 0, 2, state, 0, 2, reason, 0, 2, ACTOR.id, 0);
  expect(index.map(({ key }) => Buffer.from(key).toString("latin1"))).to.deep.equal([
    Buffer.from(expected).toString("latin1"),
  ]);
}
