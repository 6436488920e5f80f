import { expect } from "chai";
import { readHistory } from "../../src/campaign/ledger/ledger.ts";
import { LAYOUTS } from "../../src/migration/outcome.ts";
import type { Store } from "../../src/store/store.ts";
import { CrashError, CUTS, FaultyStore, UNKNOWNS } from "../support/faulty-store.ts";
import { forEachGround } from "../support/grounds.ts";
import {
  attempt,
  describeEnding,
  dumpRows,
  endingOf,
  forEachStore,
  loadRows,
  STAGED,
  steppedTarget,
  TestClock,
  type Ending,
} from "../support/reference-attempt.ts";
import { ReferenceEngine } from "../support/reference-engine.ts";
import { firstDifference, leaseRows, readMigrated, readV2 } from "../support/reference.ts";
import { LONG } from "../support/run-options.ts";
import {
  ACTOR,
  commitsOf,
  expectLedger,
  expectMigrated,
  expectNothingWrong,
  faulty,
  IMAGE,
  LEASE_MS,
  SLEEPING,
  WAYS,
} from "../support/storage-faults.ts";
import { testActor, v1Rows } from "../support/v1-actors.ts";

/*
 * Every step of an attempt goes wrong in every way, one at a time, and another attempt follows: in the end there is exactly one image,
 * which the reference reads, with nothing left over and the storage used exact.
 */

/** What the engine does to an actor that it has woken, and what becomes of the actor then. */
const STORIES = [
  "migrates it and stays awake",
  "migrates it and lets it sleep again",
  "has v1 written, migrates it and lets it sleep again",
  "lets it sleep again",
  "begins to migrate it, dies of that, and lets it sleep again",
] as const;

for (const layout of LAYOUTS) {
  for (const [way, options] of WAYS) {
    describe(`an attempt (${layout}, ${way})`, function () {
      this.timeout(LONG ? 600_000 : 60_000);

      forEachGround((prepare) => {
        let commits: string[] = [];

        before(async () => {
          commits = await commitsOf(SLEEPING, { layout, ...options });
        });

        /** One run per commit; what failed says at which. */
        const atEachCommit = async (
          run: (at: number, store: Store, clock: TestClock) => Promise<void>,
        ): Promise<void> => {
          expect(commits.length).to.equal(way === "staged" ? 7 : 1);
          for (let at = 1; at <= commits.length; at += 1) {
            try {
              await run(at, await prepare(SLEEPING), new TestClock());
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
              await expectNothingWrong(store);
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
                await expectNothingWrong(store);
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
            await expectNothingWrong(store);
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
            await expectNothingWrong(store);
            const both = [ending, competing ?? ending].map(describeEnding);
            expect(both, both.join()).to.include("migrated");
            await expectMigrated(store, layout, await attempt(store, ACTOR, clock, { layout, ...options }));
          });
        });

        for (const story of STORIES) {
          it(`gives way to the engine, which wakes the actor before any commit, ${story}`, async () => {
            await atEachCommit(async (at, store, clock) => {
              const engine = new ReferenceEngine(store, ACTOR, clock.now);
              const image = Uint8Array.from(IMAGE);
              const engineDid: string[] = [];
              const interfere = async (): Promise<void> => {
                await engine.wake();
                if (story.startsWith("has v1 written") && !(await engine.isOnV2())) {
                  image.fill(0x77, 7 * 4096, 8 * 4096);
                  await engine.writeV1Page(7, image.slice(7 * 4096, 8 * 4096));
                }
                if (story.startsWith("begins")) {
                  await engine.beginStage();
                } else if (story.includes("migrates it")) {
                  engineDid.push(await engine.migrate());
                }
                if (!story.endsWith("stays awake")) {
                  await engine.sleep();
                }
              };
              const ending = describeEnding(await faulty(store, at, interfere, clock, { layout, ...options }));
              await expectNothingWrong(store, image);
              const clean = ["meta_changed", "skipped already_migrated", "deferred actor_awake"];
              const waits = story.startsWith("begins") ? ["deferred migration_in_progress"] : [];
              const mayMigrate = story === "lets it sleep again" && way !== "staged" ? ["migrated"] : [];
              expect([...clean, ...waits, ...mayMigrate], ending).to.include(ending);
              if (story.endsWith("stays awake")) {
                await engine.sleep();
              }
              clock.advance(LEASE_MS);
              const last = await attempt(store, ACTOR, clock, { layout, ...options });
              const engineMigrated = engineDid.includes("migrated");
              const rows = await dumpRows(store);
              expect(leaseRows(rows)).to.deep.equal([]);
              const { image: found } = engineMigrated ? readV2(ACTOR, rows) : readMigrated(ACTOR, rows, layout);
              expect(firstDifference(found, image)).to.equal(undefined);
              expect(last.state).to.equal(engineMigrated ? "skipped" : "migrated");
              await expectLedger(store, last);
            });
          });
        }
      });
    });
  }
}

forEachStore((makeStore) => {
  for (const layout of LAYOUTS) {
    it(`an attempt that is cut at any commit leaves what the next one makes good (${layout})`, async () => {
      const options = { layout, ...STAGED, context: { target: steppedTarget(100) } };
      const commits = await commitsOf(SLEEPING, options);
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
