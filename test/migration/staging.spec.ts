import { expect } from "chai";
import { readHistory, readOutcome } from "../../src/campaign/ledger.ts";
import { actorStatePrefix } from "../../src/formats/actor-state.ts";
import { DEFAULT_MIGRATION_OPTIONS, type MigrationOptions } from "../../src/migration/context.ts";
import { examineActor, type Examination } from "../../src/migration/examine-actor.ts";
import { LAYOUTS, type Layout, type Outcome } from "../../src/migration/outcome.ts";
import { CrashError, FaultyStore, TamperingStore } from "../support/faulty-store.ts";
import { MemoryStore, type GatePoint } from "../support/memory-store.ts";
import {
  attempt,
  contextOn,
  describeEnding,
  endingOf,
  errorCode,
  STAGED,
  steppedTarget,
  TestClock,
  withoutLedger,
  type AttemptOptions,
} from "../support/reference-attempt.ts";
import { ReferenceEngine } from "../support/reference-engine.ts";
import {
  firstDifference,
  leaseRows,
  logicalKey,
  physicalRows,
  readMigrated,
  readV2,
  referenceHead,
  u32,
  v2RowsOf,
} from "../support/reference.ts";
import {
  bytesOf,
  entryPrefix,
  entryRows,
  fileChunkK,
  fileMetadataK,
  fileMetadataValue,
  lifeKey,
  lifeRow,
  syntheticImage,
  TAG,
  testActor,
  v1Rows,
  type Row,
} from "../support/v1-actors.ts";

/** Three reads of v1 and four transactions of rows. */
const PAGES = 600;
const STEPPED = { ...STAGED, context: { target: steppedTarget(190) } };
const ACTOR = testActor(31);
const IMAGE = syntheticImage(PAGES, "text");
const V1 = [...v1Rows(ACTOR, IMAGE), lifeRow(ACTOR, "SLEEP_TS", 5n)];
const SLEEPING = new MemoryStore();
SLEEPING.load(V1);
const LEASE_MS = 60_000;

/** Something that happens once, when the attempt under test comes to a point of the given label for the n-th time. */
interface Happening {
  readonly label: string;
  readonly point?: GatePoint;
  readonly nth?: number;
  readonly act: (store: MemoryStore) => Promise<void> | void;
}

/** A store with the actor in it, in which something happens at a point. */
function storeWhere(happening?: Happening, rows?: readonly Row[]): MemoryStore {
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

function staged(
  store: MemoryStore,
  layout: Layout,
  options: AttemptOptions = {},
  clock = new TestClock(),
): Promise<Outcome> {
  const context = { ...STEPPED.context, ...options.context };
  return attempt(store, ACTOR, clock, { layout, ...STEPPED, ...options, context });
}

function examined(store: MemoryStore, layout: Layout): Promise<Examination> {
  const options = { ...DEFAULT_MIGRATION_OPTIONS, ...STAGED, layout };
  return examineActor(contextOn(store, new TestClock()), ACTOR.id, options, new AbortController().signal);
}

/** Makes a page, by its chunk's index, the only leaf of the freelist, as whose it need not be there, and takes it away. */
function freeAndDrop(index: number): (store: MemoryStore) => void {
  return (store) => {
    const page1 = Uint8Array.from(IMAGE.subarray(0, 4096));
    page1.set([...u32(index), ...u32(2)], 32);
    const trunk = new Uint8Array(4096);
    trunk.set([...u32(0), ...u32(1), ...u32(index + 1)]);
    store.load(entryRows(ACTOR, fileChunkK(TAG.main, 0), page1));
    store.load(entryRows(ACTOR, fileChunkK(TAG.main, index - 1), trunk));
    clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, index)))(store);
  };
}

function expectRight(store: MemoryStore, layout: Layout, image: Uint8Array = IMAGE): void {
  const rows = store.dump();
  expect(firstDifference(readMigrated(ACTOR, rows, layout).image, image)).to.equal(undefined);
  expect(leaseRows(rows)).to.deep.equal([]);
  expect(store.openTransactions).to.equal(0);
}

function expectClean(store: MemoryStore): void {
  expect(v2RowsOf(ACTOR, store.dump()).length, "v2 rows").to.equal(0);
  expect(leaseRows(store.dump()).length, "lease rows").to.equal(0);
  expect(store.openTransactions).to.equal(0);
}

function setRow(row: Row): (store: MemoryStore) => void {
  return (store) => {
    store.load([row]);
  };
}

function clearPrefix(prefix: Uint8Array): (store: MemoryStore) => void {
  return (store) => {
    store.load([], [{ begin: prefix, end: bytesOf(prefix, 0xff) }]);
  };
}

/** Lets the lease that is held expire now. */
function expire(store: MemoryStore): void {
  store.load([{ key: bytesOf(2, "ferry", 0, 2, "lease_expiry", 0, 2, ACTOR.id, 0), value: new Uint8Array(8) }]);
}

const META = bytesOf(Buffer.from("1415030273716c6974652d73746f7261676500", "hex"), logicalKey(ACTOR, "/META"));
const LEASE = bytesOf(2, "ferry", 0, 2, "lease", 0);

for (const layout of LAYOUTS) {
  describe(`a staged attempt (${layout})`, () => {
    it("takes several transactions, of which only the last makes the image visible", async () => {
      const counted = new FaultyStore(storeWhere());
      await attempt(counted, ACTOR, new TestClock(), { layout, ...STEPPED });
      const stages = counted.commits.filter((label) => label === "stage").length;
      expect(stages).to.be.at.least(3);
      expect(counted.commits[0]).to.equal("begin_stage");
      expect(counted.commits.at(-1)).to.equal("finalize");
      expect(counted.commits).to.have.lengthOf(stages + 2);
    });

    describe("ends with an error and writes nothing more", () => {
      const lost = async (happening: Happening, options: Partial<MigrationOptions> = {}): Promise<string> => {
        let left: Row[] = [];
        const store = storeWhere({
          ...happening,
          act: async (where) => {
            await happening.act(where);
            left = v2RowsOf(ACTOR, where.dump());
          },
        });
        const codes: string[] = [];
        const context = { observer: { enter: () => undefined, fenceLost: (code: string) => void codes.push(code) } };
        const code = await errorCode(staged(store, layout, { ...options, context }));
        expect(codes).to.deep.equal([code]);
        // Not even what was under way and would have committed next.
        expect(withoutLedger(v2RowsOf(ACTOR, store.dump()))).to.deep.equal(withoutLedger(left));
        expect(store.openTransactions).to.equal(0);
        return code;
      };
      const foreignMeta = setRow({ key: META, value: bytesOf(0, new Uint8Array(73).fill(1)) });
      const foreignLease = setRow({ key: bytesOf(LEASE, 2, ACTOR.id, 0), value: new Uint8Array(50) });

      for (const verify of [true, false]) {
        const how = verify ? "with verification" : "without";
        for (const label of ["stage", "finalize"]) {
          for (const point of ["begin", "commit"] as const) {
            it(`when META changes before a ${label} (${point}, ${how})`, async () => {
              expect(await lost({ label, point, act: foreignMeta }, { verify })).to.equal("meta_changed");
            });

            it(`when META is removed before a ${label} (${point}, ${how})`, async () => {
              expect(await lost({ label, point, act: clearPrefix(META) }, { verify })).to.equal("meta_changed");
            });

            it(`when the lease is another's before a ${label} (${point}, ${how})`, async () => {
              expect(await lost({ label, point, act: foreignLease }, { verify })).to.equal("lease_lost");
            });

            it(`when the lease is removed before a ${label} (${point}, ${how})`, async () => {
              expect(await lost({ label, point, act: clearPrefix(LEASE) }, { verify })).to.equal("lease_lost");
            });
          }
        }

        for (const [label, nth] of [
          ["stage", 1],
          ["stage", 3],
          ["finalize", 1],
        ] as const) {
          it(`when the engine throws the stage away before ${label} ${nth} (${how})`, async () => {
            const store = storeWhere({
              label,
              nth,
              act: (where) => {
                const begin = META.slice(0, -4);
                const pieces = bytesOf(META.subarray(0, 19), 3, META.subarray(19, -4));
                where.load(
                  [],
                  [begin, pieces].map((prefix) => ({ begin: prefix, end: bytesOf(prefix, 0xff) })),
                );
              },
            });
            expect(await errorCode(staged(store, layout, { verify }))).to.equal("meta_changed");
            expect(v2RowsOf(ACTOR, store.dump())).to.deep.equal([]);
          });

          it(`when the engine migrates the actor before ${label} ${nth} (${how})`, async () => {
            const clock = new TestClock();
            const store = storeWhere({
              label,
              nth,
              act: async (where) => {
                const engine = new ReferenceEngine(where, ACTOR, clock.now);
                await engine.wake();
                expect(await engine.migrate()).to.equal("migrated");
                await engine.sleep();
              },
            });
            expect(await errorCode(staged(store, layout, { verify }, clock))).to.equal("meta_changed");
            expect(firstDifference(readV2(ACTOR, store.dump()).image, IMAGE)).to.equal(undefined);
            // The next attempt tidies up after the one that lost.
            expect(await staged(store, layout, {}, clock)).to.include({ state: "skipped", reason: "already_migrated" });
            expect(leaseRows(store.dump())).to.deep.equal([]);
            expect(firstDifference(readV2(ACTOR, store.dump()).image, IMAGE)).to.equal(undefined);
          });
        }
      }

      it("when the engine throws the stage away and begins one of its own within the same millisecond", async () => {
        const clock = new TestClock();
        let mine = 0n;
        const store = storeWhere({
          label: "stage",
          nth: 3,
          act: async (where) => {
            const meta = where.dump().find(({ key }) => Buffer.compare(key, META) === 0);
            mine = referenceHead(meta?.value.subarray(1) ?? META).creationTsMs;
            const engine = new ReferenceEngine(where, ACTOR, () => Number(mine));
            await engine.beginStage();
          },
        });
        expect(await errorCode(staged(store, layout, {}, clock))).to.equal("meta_changed");
        const rows = v2RowsOf(ACTOR, store.dump());
        expect(rows).to.have.lengthOf(1);
        expect(referenceHead(rows[0]?.value.subarray(1) ?? META)).to.include({ origin: 2, creationTsMs: mine });
      });

      for (const point of ["begin", "commit"] as const) {
        it(`when another attempt takes the lease and dies before a stage (${point})`, async () => {
          const clock = new TestClock();
          const takes = async (where: MemoryStore): Promise<void> => {
            expire(where);
            const other = new FaultyStore(where, 1, "cut_after");
            await endingOf(attempt(other, ACTOR, clock, { layout, ...STEPPED }));
          };
          expect(await lost({ label: "stage", nth: 3, point, act: takes })).to.equal("lease_lost");
        });
      }

      it("when the first row of the stage has gone by the time it is read back", async () => {
        const store = storeWhere({
          label: "read_v2",
          act: (where) => {
            const [row] = v2RowsOf(ACTOR, where.dump()).filter(({ key }) => Buffer.compare(key, META) !== 0);
            clearPrefix(row?.key ?? META)(where);
          },
        });
        const ending = await endingOf(staged(store, layout));
        expect(describeEnding(ending)).to.equal("stage_gone");
        expect(describeEnding(await endingOf(staged(store, layout)))).to.equal("migrated");
        expectRight(store, layout);
      });
    });

    describe("is deferred, and v2 is as it was", () => {
      const woke: readonly (readonly [string, (store: MemoryStore) => void])[] = [
        ["the actor is placed", setRow(lifeRow(ACTOR, "RUNNER_ID"))],
        ["an envoy takes the actor", setRow(lifeRow(ACTOR, "ENVOY_KEY"))],
        ["the actor runs", setRow(lifeRow(ACTOR, "CONNECTABLE"))],
        ["the actor woke and sleeps again", setRow(lifeRow(ACTOR, "SLEEP_TS", 6n))],
        ["SLEEP_TS is gone", clearPrefix(lifeKey(ACTOR, "SLEEP_TS"))],
        [
          "the database's size changes",
          (store) => {
            store.load(entryRows(ACTOR, fileMetadataK(TAG.main), fileMetadataValue(IMAGE.length + 4096)));
          },
        ],
        ["the database's metadata goes", clearPrefix(entryPrefix(ACTOR, fileMetadataK(TAG.main)))],
      ];
      const moments: readonly (readonly [string, Omit<Happening, "act">])[] = [
        ["before the lease", { label: "begin_stage" }],
        ["as the lease is taken", { label: "begin_stage", point: "commit" }],
        ["at the first rows", { label: "stage", nth: 1 }],
        ["at the last rows", { label: "stage", nth: 3, point: "commit" }],
        ["at the switch", { label: "finalize" }],
        ["as the switch commits", { label: "finalize", point: "commit" }],
      ];
      for (const [index, [what, act]] of woke.entries()) {
        // Each change at two moments, the first at every one: what is looked at is the same at all.
        for (const [when, moment] of index === 0 ? moments : [moments[index % 5], moments[5]].filter(isDefined)) {
          it(`when ${what} ${when}`, async () => {
            const store = storeWhere({ ...moment, act });
            const outcome = await staged(store, layout);
            expect([outcome.state, outcome.reason]).to.deep.equal(["deferred", "actor_awake"]);
            expectClean(store);
          });
        }
      }

      it("even if what it wrote since looks like broken data: that is a torn reading and no rejection", async () => {
        const wake = lifeRow(ACTOR, "RUNNER_ID");
        const breakages: ((store: MemoryStore) => void)[] = [
          clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, 550))),
          (store) => {
            store.load(entryRows(ACTOR, fileChunkK(TAG.main, PAGES), new Uint8Array(9)));
          },
          (store) => {
            store.load(entryRows(ACTOR, fileChunkK(TAG.main, 550), new Uint8Array(5000)));
          },
          clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, 0))),
          (store) => {
            store.load(entryRows(ACTOR, fileChunkK(TAG.main, 0), new Uint8Array(4096)));
          },
          freeAndDrop(550),
        ];
        for (const [index, breakage] of breakages.entries()) {
          for (const moment of [
            { label: "read_v1", nth: 1 },
            { label: "read_v1", nth: 3 },
            { label: "begin_stage" },
            { label: "stage" },
          ]) {
            const store = storeWhere({
              ...moment,
              act: (where) => {
                where.load([wake]);
                breakage(where);
              },
            });
            const ending = describeEnding(await endingOf(staged(store, layout)));
            expect(ending, `${index} ${moment.label}`).to.equal("deferred actor_awake");
            expectClean(store);
          }
        }
      });

      it("when the torn reading is found at any time, before the lease and under it", async () => {
        // Nine spans of reading, four at once: from the fifth on they are read when the lease is taken.
        const image = syntheticImage(1100, "text");
        const sleeping = [...v1Rows(ACTOR, image), lifeRow(ACTOR, "SLEEP_TS", 5n)];
        for (const [nth, chunk] of [
          [1, 0],
          [1, 100],
          [6, 700],
          [9, 1050],
        ] as const) {
          const store = storeWhere(
            {
              label: "read_v1",
              nth,
              act: (where) => {
                where.load([lifeRow(ACTOR, "SLEEP_TS", 6n)]);
                clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, chunk)))(where);
              },
            },
            sleeping,
          );
          const counted = new FaultyStore(store);
          const outcome = await attempt(counted, ACTOR, new TestClock(), { layout, ...STEPPED });
          expect([outcome.state, outcome.reason], String(chunk)).to.deep.equal(["deferred", "actor_awake"]);
          expect(counted.commits.includes("discard_stage"), counted.commits.join()).to.equal(nth > 4);
          expectClean(store);
        }
      });

      // A row of the engine's about the actor that says nothing of whether it runs: the engine knows it.
      const known = { key: bytesOf(actorStatePrefix(ACTOR.id), 0x15, 20), value: new Uint8Array(19) };
      const written = entryRows(ACTOR, fileChunkK(TAG.main, 2), new Uint8Array(4096).fill(0x5a));

      it("when the engine knows it without SLEEP_TS: it could run and crash meanwhile, and no row would tell", async () => {
        const store = storeWhere(undefined, [...v1Rows(ACTOR, IMAGE), known]);
        const counted = new FaultyStore(store);
        const outcome = await attempt(counted, ACTOR, new TestClock(), { layout, ...STEPPED });
        expect([outcome.state, outcome.reason]).to.deep.equal(["deferred", "actor_awake"]);
        expect(outcome.detail).to.contain("no SLEEP_TS");
        expect(counted.commits, "nothing is copied").to.deep.equal(["migrate_small"]);
        expectClean(store);
        const { state, reason } = await examined(store, layout);
        expect([state, reason], "as the dry run says").to.deep.equal(["deferred", "actor_awake"]);
      });

      it("when the engine comes to know it while it is copied, and it crashes again before the end", async () => {
        for (const moment of [{ label: "read_v1", nth: 2 }, { label: "stage", nth: 2 }, { label: "finalize" }]) {
          const store = storeWhere(
            {
              ...moment,
              act: (where) => {
                where.load([known, ...written]);
              },
            },
            v1Rows(ACTOR, IMAGE),
          );
          const outcome = await staged(store, layout);
          expect([outcome.state, outcome.reason], moment.label).to.deep.equal(["deferred", "actor_awake"]);
          expectClean(store);
        }
      });

      it("and migrated by the next attempt, as v1 stands then", async () => {
        const page = new Uint8Array(4096).fill(0x5a);
        const store = storeWhere({
          label: "stage",
          nth: 2,
          act: (where) => {
            where.load([lifeRow(ACTOR, "SLEEP_TS", 6n), ...entryRows(ACTOR, fileChunkK(TAG.main, 2), page)]);
          },
        });
        const clock = new TestClock();
        expect(await staged(store, layout, {}, clock)).to.include({ state: "deferred", attempts: 1 });
        expect(await staged(store, layout, {}, clock)).to.include({ state: "migrated", attempts: 2 });
        const image = Uint8Array.from(IMAGE);
        image.set(page, 2 * 4096);
        expectRight(store, layout, image);
      });
    });

    describe("leaves what another may continue from or clear away", () => {
      const crashed = async (at: number, fault: "cut_before" | "cut_after", clock: TestClock): Promise<MemoryStore> => {
        const store = storeWhere();
        const faulty = new FaultyStore(store, at, fault);
        const ending = await endingOf(attempt(faulty, ACTOR, clock, { layout, ...STEPPED }));
        expect("error" in ending && ending.error instanceof CrashError).to.equal(true);
        expect(leaseRows(store.dump())).to.have.lengthOf(2);
        return store;
      };

      it("but not before its lease expires", async () => {
        const clock = new TestClock();
        const store = await crashed(3, "cut_before", clock);
        const before = withoutLedger(store.dump());
        const outcome = await staged(store, layout, {}, clock);
        expect(outcome).to.include({ state: "deferred", reason: "migration_in_progress" });
        clock.advance(LEASE_MS - 1000);
        expect(await staged(store, layout, {}, clock)).to.include({ reason: "migration_in_progress", attempts: 2 });
        expect(withoutLedger(store.dump())).to.deep.equal(before);
        clock.advance(1000);
        expect(await staged(store, layout, {}, clock)).to.include({ state: "migrated", attempts: 3 });
        expectRight(store, layout);
      });

      const HOUR_MS = 3_600_000;
      const aheadBy = (ms: number): TestClock => {
        const clock = new TestClock();
        clock.advance(ms);
        return clock;
      };

      it("at once where its clock was a day ahead, and when that time comes where it was half an hour", async () => {
        const day = await crashed(3, "cut_before", aheadBy(24 * HOUR_MS));
        expect(await staged(day, layout, {}, new TestClock())).to.include({ state: "migrated", attempts: 1 });
        expectRight(day, layout);
        const clock = new TestClock();
        const half = await crashed(3, "cut_before", aheadBy(HOUR_MS / 2));
        expect(await staged(half, layout, {}, clock)).to.include({ reason: "migration_in_progress" });
        clock.advance(HOUR_MS / 2 + LEASE_MS + 1000);
        expect(await staged(half, layout, {}, clock)).to.include({ state: "migrated" });
        expectRight(half, layout);
      });

      it("while one whose clock is a day ahead stops when another begins, and the other's image stands", async () => {
        for (const label of ["stage", "finalize"]) {
          const store = storeWhere({
            label,
            act: async (where) => {
              expect((await staged(where, layout, {}, new TestClock())).state).to.equal("migrated");
            },
          });
          expect(await errorCode(staged(store, layout, {}, aheadBy(24 * HOUR_MS)))).to.equal("lease_lost");
          expectRight(store, layout);
        }
      });

      it("and clears it away under an actor that is left alone, also where its clock was a day ahead", async () => {
        const store = await crashed(4, "cut_after", aheadBy(24 * HOUR_MS));
        store.load(entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9)));
        expect(await staged(store, layout, {}, new TestClock())).to.include({ reason: "journal_present" });
        expectClean(store);
      });

      for (const other of LAYOUTS) {
        it(`without a trace of it, in layout ${other}`, async () => {
          const clock = new TestClock();
          const store = await crashed(4, "cut_after", clock);
          clock.advance(LEASE_MS);
          expect((await staged(store, other, {}, clock)).state).to.equal("migrated");
          expectRight(store, other);
        });
      }

      it("also when the image has shrunk into one transaction", async () => {
        const clock = new TestClock();
        const store = await crashed(4, "cut_after", clock);
        const small = syntheticImage(2, "text");
        clearPrefix(entryPrefix(ACTOR, Uint8Array.of(8)).slice(0, -2))(store);
        store.load(v1Rows(ACTOR, small));
        clock.advance(LEASE_MS);
        expect((await attempt(store, ACTOR, clock, { layout })).state).to.equal("migrated");
        expectRight(store, layout, small);
      });

      it("and an actor that turns out to be one to leave alone is left without it", async () => {
        const clock = new TestClock();
        const endings: readonly (readonly [string, Row[]])[] = [
          ["rejected journal_present", entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9))],
          ["deferred actor_awake", [lifeRow(ACTOR, "CONNECTABLE")]],
        ];
        for (const [ending, rows] of endings) {
          const store = await crashed(4, "cut_after", clock);
          store.load(rows);
          clock.advance(LEASE_MS);
          expect(describeEnding(await endingOf(staged(store, layout, {}, clock)))).to.equal(ending);
          expectClean(store);
        }
      });

      it("while an attempt that outlives its lease still works as long as nobody takes it", async () => {
        const clock = new TestClock();
        const store = storeWhere({
          label: "stage",
          nth: 2,
          act: () => {
            clock.advance(10 * LEASE_MS);
          },
        });
        expect((await staged(store, layout, {}, clock)).state).to.equal("migrated");
        expectRight(store, layout);
      });

      it("while one whose lease is taken stops, and the taker's image stands", async () => {
        const clock = new TestClock();
        for (const label of ["stage", "finalize"]) {
          const store = storeWhere({
            label,
            act: async (where) => {
              expire(where);
              expect((await staged(where, layout, {}, clock)).state).to.equal("migrated");
            },
          });
          expect(await errorCode(staged(store, layout, {}, clock))).to.equal("lease_lost");
          expectRight(store, layout);
        }
      });

      it("and nothing of it stays when the engine migrates the actor, also where Ferry had migrated it once before", async () => {
        const clock = new TestClock();
        const store = storeWhere();
        const outcome = await staged(store, layout, {}, clock);
        clearPrefix(META.slice(0, -4))(store);
        clearPrefix(bytesOf(META.subarray(0, 19), 3))(store);
        await endingOf(attempt(new FaultyStore(store, 3, "cut_after"), ACTOR, clock, { layout, ...STEPPED }));
        const engine = new ReferenceEngine(store, ACTOR, clock.now);
        expect(await engine.migrate()).to.equal("migrated");
        clock.advance(LEASE_MS);
        expect(await staged(store, layout, {}, clock)).to.deep.equal(outcome);
        expect(leaseRows(store.dump())).to.deep.equal([]);
        expect(firstDifference(readV2(ACTOR, store.dump()).image, IMAGE)).to.equal(undefined);
      });

      it("when it is a lease of another version of Ferry's, too", async () => {
        const clock = new TestClock();
        const store = await crashed(4, "cut_after", clock);
        setRow({ key: bytesOf(LEASE, 2, ACTOR.id, 0), value: Uint8Array.of(9, 1, 2) })(store);
        expect(await staged(store, layout, {}, clock)).to.include({ reason: "migration_in_progress" });
        clock.advance(LEASE_MS);
        expect((await staged(store, layout, {}, clock)).state).to.equal("migrated");
        expectRight(store, layout);
      });
    });

    it("renews its lease while it goes on", async () => {
      const clock = new TestClock();
      const during: string[] = [];
      const store: MemoryStore = new MemoryStore({
        gate: async (point, label) => {
          if (point === "commit" && label === "stage") {
            clock.advance(LEASE_MS / 2);
          }
          if (point === "commit" && label === "renew_lease") {
            during.push(label);
          }
          await Promise.resolve();
        },
      });
      store.load(V1);
      expect((await staged(store, layout, {}, clock)).state).to.equal("migrated");
      expect(during).to.have.lengthOf.at.least(2);
      expectRight(store, layout);
    });

    it("stops at every transaction when it is told to, and the next one goes on at once", async () => {
      const count = new FaultyStore(storeWhere());
      const labels: string[] = [];
      await attempt(storeWhereCounting(labels), ACTOR, new TestClock(), { layout, ...STEPPED });
      expect(count.commits).to.deep.equal([]);
      for (let step = 1; step <= labels.length; step += 1) {
        const clock = new TestClock();
        const stop = new AbortController();
        const store = storeWhereCounting([], (number) => {
          if (number === step) {
            stop.abort(new Error("shutdown"));
          }
        });
        const ending = describeEnding(await endingOf(staged(store, layout, { signal: stop.signal }, clock)));
        // A transaction under way may finish; when that is the last one, so does the attempt.
        expect(ending, `${step} ${labels[step - 1] ?? ""}`).to.be.oneOf(["aborted", "migrated"]);
        expect(ending === "migrated").to.equal(step === labels.length);
        expect(store.openTransactions).to.equal(0);
        const next = await staged(store, layout, {}, clock);
        expect(next.state, `${step} ${labels[step - 1] ?? ""}`).to.equal("migrated");
        expectRight(store, layout);
      }
    });

    it("ends only when its reads ahead have ended, also when it ends early", async () => {
      let slow = 0;
      const store: MemoryStore = new MemoryStore({
        from: SLEEPING,
        gate: async (point, label) => {
          if (label === "read_v1" && point === "begin") {
            slow += 1;
            for (let turn = 0; turn < 20 * (slow - 1); turn += 1) {
              await new Promise(setImmediate);
            }
          }
          if (label === "begin_stage" && point === "begin") {
            store.load([lifeRow(ACTOR, "RUNNER_ID")]);
          }
        },
      });
      expect((await staged(store, layout)).state).to.equal("deferred");
      expect(slow).to.equal(4);
      expect(store.openTransactions).to.equal(0);
    });

    it("does nothing when it is told to stop before it starts", async () => {
      const store = storeWhere();
      expect(await errorCode(staged(store, layout, { signal: AbortSignal.abort() }))).to.equal("aborted");
      expect(store.dump()).to.have.lengthOf(V1.length);
    });

    it("is rejected with verify_mismatch, and nothing of it stays, when the store does not keep what was written", async () => {
      let flips = 0;
      for (const nth of [0, 1, 3]) {
        const store = storeWhere();
        let seen = 0;
        const tampering = new TamperingStore(store, (label, _key, value) => {
          const flip = label === "stage" && value.length > 2000 && seen++ === nth;
          flips += flip ? 1 : 0;
          return flip ? value.map((byte, at) => (at === 1500 ? byte ^ 4 : byte)) : value;
        });
        const clock = new TestClock();
        const outcome = await attempt(tampering, ACTOR, clock, { layout, ...STEPPED });
        expect([outcome.state, outcome.reason]).to.deep.equal(["rejected", "verify_mismatch"]);
        expectClean(store);
        expect((await staged(store, layout, {}, clock)).state).to.equal("migrated");
      }
      expect(flips).to.equal(3);
    });

    it("has every stage row checked: whichever one is not kept, the image does not come to be wrong", async () => {
      const written: number[] = [];
      const all = new TamperingStore(storeWhere(), (label, _key, value) => {
        if (label === "stage") {
          written.push(value.length);
        }
        return value;
      });
      await attempt(all, ACTOR, new TestClock(), { layout, ...STEPPED });
      const long = [...written.keys()].filter((index) => (written[index] ?? 0) > 100);
      const picks = [...long.slice(0, 3), ...long.slice(-3), 1, 2, written.length - 2, written.length - 1];
      for (const pick of picks) {
        for (const change of ["drop", "flip the first byte", "flip the last byte"]) {
          const store = storeWhere();
          let seen = 0;
          const tampering = new TamperingStore(store, (label, _key, value) => {
            if (label !== "stage" || seen++ !== pick) {
              return value;
            }
            const at = change === "flip the first byte" ? 0 : value.length - 1;
            return change === "drop" ? undefined : value.map((byte, index) => (index === at ? byte ^ 1 : byte));
          });
          const ending = describeEnding(
            await endingOf(attempt(tampering, ACTOR, new TestClock(), { layout, ...STEPPED })),
          );
          // The one row that no image depends on is what is known of the stage's progress.
          if (ending === "migrated") {
            expectRight(store, layout);
          } else {
            expect(ending, `${pick} ${change}`).to.be.oneOf(["rejected verify_mismatch", "stage_gone"]);
          }
        }
      }
    });

    it("counts attempts and keeps what earlier ones came to", async () => {
      const clock = new TestClock();
      const journal = entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9));
      const store = storeWhere();
      store.load(journal);
      expect(await staged(store, layout, { campaign: "one" }, clock)).to.include({ state: "rejected", attempts: 1 });
      expect(await staged(store, layout, {}, clock)).to.include({ state: "rejected", attempts: 2 });
      clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.journal, 0)))(store);
      store.load([lifeRow(ACTOR, "RUNNER_ID")]);
      expect(await staged(store, layout, {}, clock)).to.include({ state: "deferred", attempts: 3 });
      clearPrefix(lifeKey(ACTOR, "RUNNER_ID"))(store);
      const outcome = await staged(store, layout, { campaign: "two" }, clock);
      expect(outcome).to.include({ state: "migrated", attempts: 4, campaign: "two" });
      expect(await readOutcome(store, ACTOR.id)).to.deep.equal(outcome);
      expect(await staged(store, layout, {}, clock)).to.deep.equal(outcome);
      const history = await readHistory(store, ACTOR.id);
      expect(history.map(({ state, attempts, campaign }) => [state, attempts, campaign])).to.deep.equal([
        ["rejected", 1, "one"],
        ["rejected", 2, undefined],
      ]);
    });
  });
}

function isDefined<T>(item: T | undefined): item is T {
  return item !== undefined;
}

function storeWhereCounting(labels: string[], at: (number: number) => void = () => undefined): MemoryStore {
  let number = 0;
  const store = new MemoryStore({
    from: SLEEPING,
    gate: async (point, label) => {
      if (point === "begin") {
        labels.push(label);
        number += 1;
        at(number);
      }
      await Promise.resolve();
    },
  });
  return store;
}

describe("a stage that is continued", () => {
  it("writes only what is missing, and counts the storage of all", async () => {
    for (const at of [2, 3, 4]) {
      const clock = new TestClock();
      const store = storeWhere();
      await endingOf(attempt(new FaultyStore(store, at, "cut_after"), ACTOR, clock, { layout: "shards", ...STEPPED }));
      const done = v2RowsOf(ACTOR, store.dump()).length;
      clock.advance(LEASE_MS);
      const counted = new FaultyStore(store);
      const outcome = await attempt(counted, ACTOR, clock, { layout: "shards", ...STEPPED });
      expect(outcome).to.include({ state: "migrated", pages: PAGES });
      expect(done).to.be.above(1);
      const stages = counted.commits.filter((label) => label === "stage").length;
      expect(stages).to.equal(5 - at);
      expectRight(store, "shards");
    }
  });

  it("is begun again when the actor has slept anew, or the image is another", async () => {
    const changes: Row[][] = [
      [lifeRow(ACTOR, "SLEEP_TS", 6n), ...entryRows(ACTOR, fileChunkK(TAG.main, 3), new Uint8Array(4096))],
      [
        ...entryRows(ACTOR, fileMetadataK(TAG.main), fileMetadataValue(IMAGE.length + 4096)),
        ...entryRows(ACTOR, fileChunkK(TAG.main, PAGES), new Uint8Array(4096)),
      ],
    ];
    for (const rows of changes) {
      const clock = new TestClock();
      const store = storeWhere();
      await endingOf(attempt(new FaultyStore(store, 4, "cut_after"), ACTOR, clock, { layout: "shards", ...STEPPED }));
      store.load(rows);
      clock.advance(LEASE_MS);
      expect((await staged(store, "shards", {}, clock)).state).to.equal("migrated");
      const { image } = readMigrated(ACTOR, store.dump(), "shards");
      const expected = new Uint8Array(image.length);
      expected.set(IMAGE);
      if (rows.length === 3) {
        expected.fill(0, 3 * 4096, 4 * 4096);
      }
      expect(firstDifference(image, expected)).to.equal(undefined);
    }
  });

  it("of an image that is not v1's any more is thrown away, and never taken for bad data", async () => {
    const clock = new TestClock();
    const store = storeWhere(undefined, v1Rows(ACTOR, IMAGE));
    await endingOf(attempt(new FaultyStore(store, 4, "cut_after"), ACTOR, clock, { layout: "shards", ...STEPPED }));
    // Nothing tells of this write: the actor has no rows of its life, before and after.
    store.load(entryRows(ACTOR, fileChunkK(TAG.main, 3), new Uint8Array(4096)));
    clock.advance(LEASE_MS);
    expect(describeEnding(await endingOf(staged(store, "shards", {}, clock)))).to.equal("stage_gone");
    expectClean(store);
    expect((await staged(store, "shards", {}, clock)).state).to.equal("migrated");
    const image = Uint8Array.from(IMAGE).fill(0, 3 * 4096, 4 * 4096);
    expectRight(store, "shards", image);
  });
});

describe("rows of no stage of Ferry's", () => {
  const stray = physicalRows(logicalKey(ACTOR, "/SHARD/\0\0\0\x09"), new Uint8Array(150_000));

  for (const layout of LAYOUTS) {
    it(`stay when the image turns out to be one to reject, and go when it is right (${layout})`, async () => {
      const store = storeWhere(undefined, [...V1, ...stray]);
      clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, PAGES - 1)))(store);
      const before = withoutLedger(store.dump());
      expect(await staged(store, layout)).to.include({ reason: "chunk_missing" });
      expect(withoutLedger(store.dump())).to.deep.equal(before);
      store.load(V1);
      expect((await staged(store, layout)).state).to.equal("migrated");
      expectRight(store, layout);
    });
  }
});
