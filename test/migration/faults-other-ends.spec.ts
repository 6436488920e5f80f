import { expect } from "chai";
import { readHistory } from "../../src/campaign/ledger/ledger.ts";
import { LAYOUTS } from "../../src/migration/outcome.ts";
import type { Store } from "../../src/store/store.ts";
import { UNKNOWNS } from "../support/faulty-store.ts";
import { forEachGround } from "../support/grounds.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { describeEnding, TestClock, type AttemptOptions } from "../support/reference-attempt.ts";
import { firstDifference, readMigrated } from "../support/reference.ts";
import { LONG } from "../support/run-options.ts";
import {
  commitsOf,
  expectLedger,
  expectMigrated,
  expectUntouched,
  faulty,
  ACTOR,
  IMAGE,
  SLEEPING,
  WAYS,
} from "../support/storage-faults.ts";
import { entryRows, fileChunkK, lifeRow, TAG, type Row } from "../support/v1-actors.ts";

/* As faults.spec.ts, for attempts that end in something else than an image: one record of it, and nothing left. */

const OTHER_ENDS: readonly (readonly [string, Row[]])[] = [
  ["rejected journal_present", entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9))],
  ["rejected chunk_unexpected", entryRows(ACTOR, fileChunkK(TAG.main, 300), new Uint8Array(9))],
  ["deferred actor_awake", [lifeRow(ACTOR, "ENVOY_KEY")]],
];

for (const layout of LAYOUTS) {
  for (const [way, options] of WAYS) {
    describe(`an attempt that comes to another end (${layout}, ${way})`, function () {
      this.timeout(LONG ? 600_000 : 60_000);

      forEachGround((prepare) => {
        for (const [expected, rows] of OTHER_ENDS) {
          it(`is recorded as ${expected} once, whichever commit is unknown, and leaves nothing`, async () => {
            const before = [...SLEEPING, ...rows];
            const commits = await commitsOf(before, { layout, ...options });
            for (const unknown of UNKNOWNS) {
              for (let at = 1; at <= commits.length; at += 1) {
                const where = `${unknown} ${commits[at - 1] ?? ""}`;
                const store = await prepare(before);
                await expectRecordedOnce(store, { at, unknown, expected, where }, { layout, ...options });
              }
            }
          });
        }
      });

      if (way === "staged") {
        it("is deferred once when the actor woke, whichever commit is unknown", async () => {
          for (const unknown of UNKNOWNS) {
            for (let at = 1; at <= 7; at += 1) {
              const store = storeThatWakesAt({ label: "stage", nth: 1 });
              const where = `${unknown} ${at}`;
              const expected = "deferred actor_awake";
              await expectRecordedOnce(store, { at, unknown, expected, where }, { layout, ...options });
            }
          }
        });

        it("is migrated when the actor wakes between a switch of unknown result and the question what became of it", async () => {
          const store = storeThatWakesAt({ label: "finalize", nth: 2 });
          const ending = await faulty(store, 7, "unknown_happened", new TestClock(), { layout, ...options });
          expect(describeEnding(ending)).to.equal("migrated");
          store.load([], [keyRange(lifeRow(ACTOR, "RUNNER_ID"))]);
          await expectMigrated(store, layout, "outcome" in ending ? ending.outcome : expect.fail("no outcome"));
        });
      }
    });
  }
}

describe("an attempt in one transaction", () => {
  it("sees whatever is written to v1 before its commit, also by someone who woke nobody", async () => {
    const page = new Uint8Array(4096).fill(0x33);
    const image = Uint8Array.from(IMAGE);
    image.set(page, 299 * 4096);
    for (const layout of LAYOUTS) {
      const store = new MemoryStore();
      store.load(SLEEPING);
      const write = async (): Promise<void> => {
        store.load(entryRows(ACTOR, fileChunkK(TAG.main, 299), page));
        await Promise.resolve();
      };
      const options = { layout, smallImageBytes: 2 * 1024 * 1024 };
      expect(describeEnding(await faulty(store, 1, write, new TestClock(), options))).to.equal("migrated");
      expect(firstDifference(readMigrated(ACTOR, store.dump(), layout).image, image)).to.equal(undefined);
    }
  });
});

async function expectRecordedOnce(
  store: Store,
  run: { at: number; unknown: (typeof UNKNOWNS)[number]; expected: string; where: string },
  options: AttemptOptions,
): Promise<void> {
  const ending = await faulty(store, run.at, run.unknown, new TestClock(), options);
  expect(describeEnding(ending), run.where).to.equal(run.expected);
  const outcome = "outcome" in ending ? ending.outcome : expect.fail(run.where);
  expect(outcome.attempts, run.where).to.equal(1);
  await expectLedger(store, outcome);
  expect(await readHistory(store, ACTOR.id), run.where).to.deep.equal([]);
  await expectUntouched(store, run.where);
}

/** A store in which the actor wakes when the n-th transaction of a label begins. */
function storeThatWakesAt(moment: { label: string; nth: number }): MemoryStore {
  let seen = 0;
  const store: MemoryStore = new MemoryStore({
    gate: async (point, label) => {
      seen += label === moment.label && point === "begin" ? 1 : 0;
      if (seen === moment.nth) {
        seen += 1;
        store.load([lifeRow(ACTOR, "RUNNER_ID")]);
      }
      await Promise.resolve();
    },
  });
  store.load(SLEEPING);
  return store;
}

function keyRange({ key }: Row): { begin: Uint8Array; end: Uint8Array } {
  return { begin: key, end: Uint8Array.from([...key, 0]) };
}
