import { expect } from "chai";
import { readHistory, readOutcome } from "../../src/campaign/ledger.ts";
import { LAYOUTS, type Layout, type Outcome } from "../../src/migration/outcome.ts";
import { CrashError, CUTS, FaultyStore, UNKNOWNS, type Fault } from "../support/faulty-store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import {
  attempt,
  describeEnding,
  dumpRows,
  endingOf,
  forEachStore,
  loadRows,
  LONG,
  STAGED,
  steppedTarget,
  TestClock,
  type AttemptOptions,
  type Ending,
} from "../support/reference-attempt.ts";
import { ReferenceEngine } from "../support/reference-engine.ts";
import { firstDifference, leaseRows, readMigrated, readV2, sha256, v2RowsOf } from "../support/reference.ts";
import {
  bytesOf,
  entryRows,
  fileChunkK,
  lifeRow,
  startsWith,
  syntheticImage,
  TAG,
  testActor,
  v1Rows,
  type Row,
} from "../support/v1-actors.ts";

/*
 * Every step of an attempt goes wrong in every way, one at a time, and another attempt follows: in the end there is exactly one image,
 * which the reference reads, with nothing left over and the storage used exact.
 */

const ACTOR = testActor(41);
const IMAGE = syntheticImage(300, "text");
const SLEEP = lifeRow(ACTOR, "SLEEP_TS", 5n);
const V1 = [...v1Rows(ACTOR, IMAGE), SLEEP];
const LEASE_MS = 60_000;
const ASLEEP = new MemoryStore();
ASLEEP.load(V1);

/** In one transaction, and staged in five. */
const WAYS: readonly (readonly [string, AttemptOptions])[] = [
  ["in one transaction", { smallImageBytes: 2 * 1024 * 1024 }],
  ["staged", { ...STAGED, context: { target: steppedTarget(64) } }],
];

/** The labels of the commits of an attempt that nothing befalls. */
async function commitsOf(rows: MemoryStore, options: AttemptOptions): Promise<string[]> {
  const counted = new FaultyStore(new MemoryStore({ from: rows }));
  await attempt(counted, ACTOR, new TestClock(), options);
  return counted.commits;
}

async function faulty(
  store: MemoryStore,
  at: number,
  fault: Fault,
  clock: TestClock,
  options: AttemptOptions,
): Promise<Ending> {
  const ending = await endingOf(attempt(new FaultyStore(store, at, fault), ACTOR, clock, options));
  expect(store.openTransactions, "transactions that outlive the attempt").to.equal(0);
  return ending;
}

/** Whatever happened so far: a complete image is the right one. */
function expectNothingWrong(store: MemoryStore, image: Uint8Array = IMAGE): void {
  const rows = v2RowsOf(ACTOR, store.dump());
  const meta = rows.find(({ key }) => key.length === 19 + 31 + 5 && key[19] === 2);
  if (meta !== undefined && meta.value.at(-1) !== 2) {
    expect(firstDifference(readV2(ACTOR, rows).image, image)).to.equal(undefined);
  }
}

/** The state that all faults must end in. */
async function expectMigrated(store: MemoryStore, layout: Layout, outcome: Outcome): Promise<void> {
  const rows = store.dump();
  expect(outcome, JSON.stringify(outcome)).to.include({ state: "migrated", layout, sha256: sha256(IMAGE) });
  expect(firstDifference(readMigrated(ACTOR, rows, layout).image, IMAGE)).to.equal(undefined);
  expect(leaseRows(rows)).to.deep.equal([]);
  expect(rows.filter(({ key }) => startsWith(key, bytesOf(2, "ferry", 0, 2, "stage", 0)))).to.deep.equal([]);
  await expectLedger(store, outcome);
}

/** The ledger holds this outcome, and the one index row that goes with it. */
async function expectLedger(store: MemoryStore, outcome: Outcome): Promise<void> {
  expect(await readOutcome(store, ACTOR.id)).to.deep.equal(outcome);
  const index = store.dump().filter(({ key }) => startsWith(key, bytesOf(2, "ferry", 0, 2, "by_state", 0)));
  const { state, reason = "" } = outcome;
  const expected = bytesOf(2, "ferry", 0, 2, "by_state", 0, 2, state, 0, 2, reason, 0, 2, ACTOR.id, 0);
  expect(index.map(({ key }) => Buffer.from(key).toString("latin1"))).to.deep.equal([
    Buffer.from(expected).toString("latin1"),
  ]);
}

for (const layout of LAYOUTS) {
  for (const [way, options] of WAYS) {
    describe(`an attempt (${layout}, ${way})`, () => {
      let commits: string[] = [];

      before(async () => {
        commits = await commitsOf(ASLEEP, { layout, ...options });
      });

      /** One run per commit; what failed says at which. */
      const atEachCommit = async (
        run: (at: number, store: MemoryStore, clock: TestClock) => Promise<void>,
      ): Promise<void> => {
        expect(commits.length).to.equal(way === "staged" ? 7 : 1);
        for (let at = 1; at <= commits.length; at += 1) {
          try {
            await run(at, new MemoryStore({ from: ASLEEP }), new TestClock());
          } catch (error) {
            throw new Error(`at commit ${at}, ${commits[at - 1] ?? ""}`, { cause: error });
          }
        }
      };

      for (const cut of CUTS) {
        it(`is made good by the next one when it is ${cut.replace("_", " ")} any commit`, async () => {
          await atEachCommit(async (at, store, clock) => {
            const ending = await faulty(store, at, cut, clock, { layout, ...options });
            expect("error" in ending && ending.error instanceof CrashError).to.equal(true);
            expectNothingWrong(store);
            clock.advance(LEASE_MS);
            await expectMigrated(store, layout, await attempt(store, ACTOR, clock, { layout, ...options }));
          });
        });

        it(`is made good in the other layout, too, when it is ${cut.replace("_", " ")} any commit but the last`, async () => {
          const other = LAYOUTS.find((candidate) => candidate !== layout) ?? layout;
          await atEachCommit(async (at, store, clock) => {
            await faulty(store, at, cut, clock, { layout, ...options });
            clock.advance(LEASE_MS);
            const outcome = await attempt(store, ACTOR, clock, { ...options, layout: other });
            const isDone = at === commits.length && cut === "cut_after";
            await expectMigrated(store, isDone ? layout : other, outcome);
          });
        });
      }

      for (const unknown of UNKNOWNS) {
        it(`does not notice when a commit's result is ${unknown.replace("_", ": ")}`, async () => {
          await atEachCommit(async (at, store, clock) => {
            const ending = await faulty(store, at, unknown, clock, { layout, ...options });
            const outcome = "outcome" in ending ? ending.outcome : expect.fail(describeEnding(ending));
            expect(outcome.attempts).to.equal(1);
            await expectMigrated(store, layout, outcome);
            expect(await readHistory(store, ACTOR.id)).to.deep.equal([]);
          });
        });
      }

      it("survives a second crash at any commit after a first one at any", async () => {
        const all = commits.map((_, index) => index + 1);
        const firsts = LONG || way !== "staged" ? all : [2, commits.length - 1];
        for (const first of firsts) {
          await atEachCommit(async (at, store, clock) => {
            for (const [number, cut] of [
              [first, "cut_after"],
              [at, at % 2 === 0 ? "cut_after" : "cut_before"],
            ] as const) {
              await faulty(store, number, cut, clock, { layout, ...options });
              expectNothingWrong(store);
              clock.advance(LEASE_MS);
            }
            await expectMigrated(store, layout, await attempt(store, ACTOR, clock, { layout, ...options }));
          });
        }
      });

      it("keeps off a competing attempt, inserted before any commit, and is not kept off by it", async () => {
        await atEachCommit(async (at, store, clock) => {
          let competing: Ending | undefined;
          const compete = async (): Promise<void> => {
            competing = await endingOf(attempt(store, ACTOR, clock, { layout, ...options }));
          };
          const ending = await faulty(store, at, compete, clock, { layout, ...options });
          expectNothingWrong(store);
          const both = [ending, competing ?? ending].map(describeEnding);
          expect(both, both.join()).to.include("migrated");
          expect(
            both.every((text) => ["migrated", "deferred migration_in_progress", "lease_lost"].includes(text)),
            both.join(),
          ).to.equal(true);
          await expectMigrated(store, layout, await attempt(store, ACTOR, clock, { layout, ...options }));
        });
      });

      it("yields to a competing attempt that takes its expired lease before any commit", async () => {
        await atEachCommit(async (at, store, clock) => {
          let competing: Ending | undefined;
          const compete = async (): Promise<void> => {
            clock.advance(2 * LEASE_MS);
            competing = await endingOf(attempt(store, ACTOR, clock, { layout, ...options }));
          };
          const ending = await faulty(store, at, compete, clock, { layout, ...options });
          expectNothingWrong(store);
          const both = [ending, competing ?? ending].map(describeEnding);
          expect(both, both.join()).to.include("migrated");
          await expectMigrated(store, layout, await attempt(store, ACTOR, clock, { layout, ...options }));
        });
      });

      for (const story of [
        "stays awake",
        "sleeps again",
        "writes v1 first and sleeps again",
        "only wakes and sleeps",
      ] as const) {
        it(`gives way to the engine, which wakes the actor before any commit, migrates it, and ${story}`, async () => {
          await atEachCommit(async (at, store, clock) => {
            const engine = new ReferenceEngine(store, ACTOR, clock.now);
            const image = Uint8Array.from(IMAGE);
            const engineDid: string[] = [];
            const interfere = async (): Promise<void> => {
              await engine.wake();
              if (story === "writes v1 first and sleeps again" && !(await engine.isOnV2())) {
                image.fill(0x77, 7 * 4096, 8 * 4096);
                await engine.writeV1Page(7, image.slice(7 * 4096, 8 * 4096));
              }
              if (story !== "only wakes and sleeps") {
                engineDid.push(await engine.migrate());
              }
              if (story !== "stays awake") {
                await engine.sleep();
              }
            };
            const ending = describeEnding(await faulty(store, at, interfere, clock, { layout, ...options }));
            expectNothingWrong(store, image);
            const clean = ["meta_changed", "skipped already_migrated", "deferred actor_awake"];
            const mayMigrate = story === "only wakes and sleeps" && way !== "staged";
            expect([...clean, ...(mayMigrate ? ["migrated"] : [])], ending).to.include(ending);
            if (story === "stays awake") {
              await engine.sleep();
            }
            clock.advance(LEASE_MS);
            const last = await attempt(store, ACTOR, clock, { layout, ...options });
            const engineMigrated = engineDid.includes("migrated");
            expect(leaseRows(store.dump())).to.deep.equal([]);
            const { image: found } = engineMigrated
              ? readV2(ACTOR, store.dump())
              : readMigrated(ACTOR, store.dump(), layout);
            expect(firstDifference(found, image)).to.equal(undefined);
            expect(last.state).to.equal(engineMigrated ? "skipped" : "migrated");
            await expectLedger(store, last);
          });
        });
      }
    });

    describe(`an attempt that comes to another end (${layout}, ${way})`, () => {
      const broken: readonly (readonly [string, Row[]])[] = [
        ["rejected journal_present", entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9))],
        ["rejected chunk_unexpected", entryRows(ACTOR, fileChunkK(TAG.main, 300), new Uint8Array(9))],
        ["deferred actor_awake", [lifeRow(ACTOR, "ENVOY_KEY")]],
      ];
      for (const [expected, rows] of broken) {
        it(`is recorded as ${expected} once, whichever commit is unknown, and leaves nothing`, async () => {
          const before = new MemoryStore({ from: ASLEEP });
          before.load(rows);
          const commits = await commitsOf(before, { layout, ...options });
          for (const unknown of UNKNOWNS) {
            for (let at = 1; at <= commits.length; at += 1) {
              const store = new MemoryStore({ from: before });
              const clock = new TestClock();
              const ending = await faulty(store, at, unknown, clock, { layout, ...options });
              const where = `${unknown} ${commits[at - 1] ?? ""}`;
              expect(describeEnding(ending), where).to.equal(expected);
              const outcome = "outcome" in ending ? ending.outcome : expect.fail(where);
              expect(outcome.attempts, where).to.equal(1);
              await expectLedger(store, outcome);
              expect(await readHistory(store, ACTOR.id), where).to.deep.equal([]);
              expect(v2RowsOf(ACTOR, store.dump()), where).to.deep.equal([]);
              expect(leaseRows(store.dump()), where).to.deep.equal([]);
            }
          }
        });
      }

      if (way === "staged") {
        it("is deferred once when the actor woke, whichever commit is unknown", async () => {
          for (const unknown of UNKNOWNS) {
            for (let at = 1; at <= 7; at += 1) {
              let begun = false;
              const store: MemoryStore = new MemoryStore({
                from: ASLEEP,
                gate: async (point, label) => {
                  if (!begun && label === "stage" && point === "begin") {
                    begun = true;
                    store.load([lifeRow(ACTOR, "RUNNER_ID")]);
                  }
                  await Promise.resolve();
                },
              });
              const ending = await faulty(store, at, unknown, new TestClock(), { layout, ...options });
              expect(describeEnding(ending), `${unknown} ${at}`).to.equal("deferred actor_awake");
              expect("outcome" in ending && ending.outcome.attempts).to.equal(1);
              expect(v2RowsOf(ACTOR, store.dump())).to.deep.equal([]);
              expect(leaseRows(store.dump())).to.deep.equal([]);
            }
          }
        });

        it("is migrated when the actor wakes between a switch of unknown result and the question what became of it", async () => {
          let finals = 0;
          const store: MemoryStore = new MemoryStore({
            from: ASLEEP,
            gate: async (point, label) => {
              finals += label === "finalize" && point === "begin" ? 1 : 0;
              if (finals === 2) {
                store.load([lifeRow(ACTOR, "RUNNER_ID")]);
              }
              await Promise.resolve();
            },
          });
          const ending = await faulty(store, 7, "unknown_happened", new TestClock(), { layout, ...options });
          expect(finals).to.equal(2);
          expect(describeEnding(ending)).to.equal("migrated");
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
      const store = new MemoryStore({ from: ASLEEP });
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

forEachStore((makeStore) => {
  for (const layout of LAYOUTS) {
    it(`an attempt that is cut at any commit leaves what the next one makes good (${layout})`, async () => {
      const options = { layout, ...STAGED, context: { target: steppedTarget(100) } };
      const commits = await commitsOf(ASLEEP, options);
      const store = await makeStore();
      for (let at = 1; at <= commits.length; at += 1) {
        const actor = testActor(60 + at);
        const clock = new TestClock();
        await loadRows(store, v1Rows(actor, IMAGE));
        const cut = at % 2 === 0 ? "cut_before" : "cut_after";
        expect(await endingOf(attempt(new FaultyStore(store, at, cut), actor, clock, options))).to.have.property(
          "error",
        );
        clock.advance(LEASE_MS);
        expect((await attempt(store, actor, clock, options)).state).to.equal("migrated");
        const rows = await dumpRows(store);
        expect(firstDifference(readMigrated(actor, rows, layout).image, IMAGE)).to.equal(undefined);
        expect(leaseRows(rows)).to.deep.equal([]);
      }
    });
  }
});
