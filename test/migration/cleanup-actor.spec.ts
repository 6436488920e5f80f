import { expect } from "chai";
import {
  cleanupActor,
  cleanupKey,
  type CleanupOptions,
  type CleanupResult,
} from "../../src/migration/cleanup-actor.ts";
import { IntegrityChecker } from "../../src/migration/integrity/integrity-checker.ts";
import { v1Range } from "../../src/migration/v1/v1-keys.ts";
import type { Store } from "../../src/store/store.ts";
import { lifeFieldRow, takeOverRows, wakeRows } from "../support/depot-world.ts";
import type { MemoryStore } from "../support/memory-store.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { atEachStep, livingStore, makeScene, SCENE_TARGETS, type MigratedScene } from "../support/migrated-scene.ts";
import {
  attempt,
  contextOn,
  dumpRows,
  forEachStore,
  loadRows,
  STAGED,
  TestClock,
} from "../support/reference-attempt.ts";
import {
  entryRows,
  fileChunkK,
  fileRows,
  lifeRow,
  PAGE,
  TAG,
  testActor,
  v1Rows,
  type Row,
  type TestActor,
} from "../support/v1-actors.ts";
import { sqliteImageAfter, sqliteImageOfPages } from "../support/v1-actors-sqlite.ts";

const PAGES = 200;
const DAY_MS = 86_400_000;
const WEEK = { holdMs: 7 * DAY_MS, delete: true, who: "test" };
const signal = new AbortController().signal;

describe("cleaning up after a migration", () => {
  const checker = new IntegrityChecker();
  const check = checker.check.bind(checker);
  let image: Uint8Array;
  let written: Uint8Array;
  let other: Uint8Array;

  before(() => {
    image = sqliteImageOfPages(PAGES);
    other = sqliteImageOfPages(5);
    written = sqliteImageAfter(image, "UPDATE pad SET content = randomblob(length(content))");
  });

  after(async () => {
    await checker.close();
  });

  for (const target of SCENE_TARGETS) {
    describe(`with v2 on ${target}`, () => {
      let scene: MigratedScene;

      const cleanUp = (store: Store = scene.store, options: CleanupOptions = WEEK): Promise<CleanupResult> =>
        cleanupActor(scene.context(store, check), scene.actor.id, options, signal);
      const writeV1 = (store: MemoryStore): void => {
        store.load(fileRows(scene.actor, TAG.main, written));
      };
      const expectKept = async (store: MemoryStore, reason: string): Promise<void> => {
        const before = store.dump();
        expect(await cleanUp(store)).to.deep.equal({ kind: "refused", id: scene.actor.id, reason });
        expect(store.dump()).to.deep.equal(before);
      };
      /** Where something happens at one of the cleanup's steps, for each, v1 stays: that of an image. */
      const expectKeptAtEachStep = async (
        happen: (store: MemoryStore) => void,
        reason: string,
        left: Uint8Array,
      ): Promise<void> => {
        const { disturbed, undisturbed } = await atEachStep(scene.store, happen, cleanUp);
        expect(undisturbed).to.include({ kind: "removed" });
        expect(disturbed).to.have.length.above(3);
        for (const [index, { result, store }] of disturbed.entries()) {
          expect(result, `step ${index}`).to.include({ kind: "refused", reason });
          expect(v1Of(store, scene.actor), `step ${index}`).to.deep.equal(sorted(v1Rows(scene.actor, left)));
        }
      };

      beforeEach(async () => {
        scene = await makeScene(target, image);
        expect((await scene.migrate(scene.store)).state).to.equal("migrated");
        scene.advance(8 * DAY_MS);
      });

      it("removes what was migrated, and keeps what was written to v1 since, whether v2 was as well or not", async () => {
        for (const isWritten of [false, true]) {
          const store = livingStore(scene.store, () => undefined);
          if (isWritten) {
            scene.writeV2(store, image, written);
          }
          const changed = livingStore(store, () => undefined);
          writeV1(changed);
          await expectKept(changed, "v1_changed");
          expect(await cleanUp(changed, { ...WEEK, delete: false })).to.include({ reason: "v1_changed" });
          expect(await cleanUp(store)).to.include({ kind: "removed" });
          expect(v1Of(store, scene.actor)).to.deep.equal([]);
        }
      });

      it("keeps v1 that came back after a cleanup", async () => {
        expect(await cleanUp()).to.include({ kind: "removed" });
        writeV1(scene.store);
        await expectKept(scene.store, "v1_changed");
      });

      it("keeps v1 that has rows of a form that nobody has looked at, as of older file layers, whenever they came", async () => {
        const stray = entryRows(scene.actor, Uint8Array.of(8, 0, 0x61, 0x62), Uint8Array.of(1));
        const came = livingStore(scene.store, (store, { label, point, n }) => {
          if (label === "cleanup" && point === "begin" && n === 2) {
            store.load(stray);
          }
        });
        expect(await cleanUp(came)).to.include({ kind: "refused", reason: "v1_changed" });
        scene.store.load(stray);
        await expectKept(scene.store, "v1_changed");
        for (const key of [Uint8Array.of(8), Uint8Array.of(8, 1, 1), fileChunkK(4, 0), Uint8Array.of(8, 2)]) {
          const store = livingStore(scene.store, () => undefined);
          store.load(entryRows(scene.actor, key, Uint8Array.of(1)));
          await expectKept(store, "v1_changed");
        }
      });

      it("keeps v1 where v2's head cannot be read", async () => {
        scene.breakHead(scene.store);
        await expectKept(scene.store, "v2_not_clean");
      });

      it("keeps v1 where v2 is another database, though it is complete and sound, also once that was written", async () => {
        scene.replaceV2(scene.store, other);
        await expectKept(scene.store, "v2_not_clean");
        scene.writeV2(
          scene.store,
          other,
          sqliteImageAfter(other, "UPDATE pad SET content = randomblob(length(content))"),
        );
        await expectKept(scene.store, "v2_not_clean");
      });

      it("keeps v1 that is written at any moment before it is removed", async () => {
        await expectKeptAtEachStep(writeV1, "v1_changed", written);
      });

      it("checks again when v2 was written meanwhile, and then removes v1", async () => {
        for (const [point, n] of [
          ["begin", 2],
          ["commit", 1],
        ] as const) {
          let checks = 0;
          const living = livingStore(scene.store, (store, at) => {
            if (at.label === "cleanup" && at.point === point && at.n === n) {
              scene.writeV2(store, image, written);
            }
          });
          const context = scene.context(living, (...args) => {
            checks += 1;
            return check(...args);
          });
          expect(await cleanupActor(context, scene.actor.id, WEEK, signal)).to.include({ kind: "removed" });
          expect(checks, point).to.equal(2);
        }
      });

      it("does not take a v2 that is torn by a write for broken, nor remove v1 beside it", async () => {
        let [now, next] = [image, written];
        const torn: typeof check = async (source, mode, stop) => {
          await check(source, mode, stop);
          return { ok: false, reason: "damaged", lines: ["torn"] };
        };
        const living = livingStore(scene.store, (store, { point, label, n }) => {
          if (point === "begin" && label === "cleanup" && n % 2 === 0) {
            scene.writeV2(store, now, next);
            [now, next] = [next, now];
          }
        });
        const result = await cleanupActor(scene.context(living, torn), scene.actor.id, WEEK, signal);
        expect(result).to.include({ kind: "refused", reason: "written_meanwhile" });
        expect(v1Of(living, scene.actor)).to.deep.equal(sorted(v1Rows(scene.actor, image)));
      });

      it("asks the ledger again: a migration since that was not verified keeps v1", async () => {
        const living = livingStore(scene.store, async (store, { point, label, n }) => {
          if (point === "begin" && label === "cleanup" && n === 2) {
            const { target: v2 } = scene.context(store, check);
            await store.transact((tx) => v2.undo(tx, scene.actor.id), { label: "undo" });
            await scene.migrate(store, { verify: false });
          }
        });
        expect(await cleanUp(living)).to.include({ kind: "refused", reason: "not_verified" });
        expect(v1Of(living, scene.actor)).to.deep.equal(sorted(v1Rows(scene.actor, image)));
      });

      /** As an old runner that has not come to page 1. */
      const writeMiddle = (store: MemoryStore): void => {
        store.load(entryRows(scene.actor, fileChunkK(TAG.main, 150), new Uint8Array(PAGE).fill(1)));
      };

      it("does not trust what it read of an actor that woke meanwhile, whether it sleeps again or not", async () => {
        for (const rows of [
          [lifeRow(scene.actor, "SLEEP_TS", 9n)],
          [...takeOverRows(scene.actor), lifeRow(scene.actor, "ENVOY_KEY")],
        ]) {
          const living = livingStore(scene.store, (store, { point, label, n }) => {
            if (point === "begin" && label === "cleanup" && n === 2) {
              store.load(rows);
              writeMiddle(store);
            }
          });
          expect(await cleanUp(living)).to.include({ kind: "refused", reason: "v1_changed" });
        }
      });

      /** An old runner takes the actor, and has v1 open. */
      const wake = (store: MemoryStore): void => {
        const { set, clear } = wakeRows(scene.actor);
        store.load(
          set,
          clear.map((key) => ({ begin: key, end: Uint8Array.of(...key, 0) })),
        );
      };
      /** It lets go of the actor. */
      const sleep = (store: MemoryStore): void => {
        const placed = wakeRows(scene.actor).set.map(({ key }) => ({ begin: key, end: Uint8Array.of(...key, 0) }));
        store.load([lifeRow(scene.actor, "SLEEP_TS", 9n)], placed);
      };

      it("keeps v1 under an actor that runs on it, though nothing was written, until it sleeps again", async () => {
        for (const rows of [[], [lifeFieldRow(scene.actor, "VERSION", Uint8Array.of(0, 0, 0, 1))]]) {
          const awake = livingStore(scene.store, () => undefined);
          wake(awake);
          awake.load(rows);
          await expectKept(awake, "runs_on_v1");
          expect(await cleanUp(awake, { ...WEEK, delete: false })).to.include({ reason: "runs_on_v1" });
          sleep(awake);
          expect(await cleanUp(awake)).to.include({ kind: "removed" });
        }
      });

      it("keeps v1 of an actor that wakes on it at any moment before it is removed", async () => {
        await expectKeptAtEachStep(wake, "runs_on_v1", image);
      });

      it("removes v1 of an actor that runs on v2, whether it has written there or not", async () => {
        for (const isWritten of [false, true]) {
          const awake = livingStore(scene.store, () => undefined);
          awake.load([
            ...takeOverRows(scene.actor),
            lifeRow(scene.actor, "ENVOY_KEY"),
            lifeRow(scene.actor, "CONNECTABLE"),
          ]);
          if (isWritten) {
            scene.writeV2(awake, image, written);
          }
          expect(await cleanUp(awake)).to.include({ kind: "removed" });
        }
      });

      it("does not take what another cleanup removed for its own, nor says so of v1 that has come back since", async () => {
        const another = livingStore(scene.store, () => undefined);
        const faulty = new FaultyStore(another, 1, async () => {
          expect(await cleanUp(another, { ...WEEK, who: "ben" })).to.include({ kind: "removed" });
        });
        expect(await cleanUp(faulty)).to.include({ kind: "refused", reason: "no_v1_data" });
        // The look, the removal of which nobody was told, and now its second run.
        const back = livingStore(scene.store, (store, { point, label, n }) => {
          if (point === "begin" && label === "cleanup" && n === 3) {
            store.load(fileRows(scene.actor, TAG.main, written));
          }
        });
        const unknown = new FaultyStore(back, 1, "unknown_happened");
        expect(await cleanUp(unknown)).to.include({ kind: "refused", reason: "v1_changed" });
        expect(v1Of(back, scene.actor)).not.to.deep.equal([]);
      });

      it("loses to whoever writes v1 between its last look and its commit, wherever in v1", async () => {
        const living = livingStore(scene.store, (store, { point, n }) => {
          if (point === "commit" && n === 1) {
            writeMiddle(store);
          }
        });
        expect(await cleanUp(living)).to.include({ kind: "refused", reason: "v1_changed" });
      });
    });
  }

  it("removes the sidecars that an image was recovered from, and keeps one that came later", async () => {
    const wal = (actor: TestActor): Row[] => fileRows(actor, TAG.wal, new Uint8Array(5000).fill(7));
    const recovered = await makeScene("storage", image, wal);
    const outcome = await recovered.migrate(recovered.store, { ...STAGED, sidecars: "tolerate" });
    expect(outcome.recovery?.wal).to.equal("invalid_header");
    const plain = await makeScene("storage", image);
    await plain.migrate(plain.store);
    plain.store.load(wal(plain.actor));
    const now = { ...WEEK, holdMs: 0 };
    const cleanUp = ({ context, store, actor }: MigratedScene): Promise<CleanupResult> =>
      cleanupActor(context(store, check), actor.id, now, signal);
    expect(await cleanUp(recovered)).to.include({ kind: "removed" });
    expect(await cleanUp(plain)).to.include({ reason: "v1_changed" });
  });

  forEachStore((makeStore) => {
    it("removes v1 once, or not at all", async () => {
      const store = await makeStore();
      const clock = new TestClock();
      const context = contextOn(store, clock, { checkIntegrity: check });
      const [clean, changed] = [testActor(51), testActor(52)];
      for (const actor of [clean, changed]) {
        await loadRows(store, v1Rows(actor, image));
        expect((await attempt(store, actor, clock)).state).to.equal("migrated");
      }
      await loadRows(store, entryRows(changed, fileChunkK(TAG.main, 0), written.subarray(0, PAGE)));
      const now = { ...WEEK, holdMs: 0 };
      expect(await cleanupActor(context, clean.id, now, signal)).to.include({ kind: "removed" });
      expect(await cleanupActor(context, clean.id, now, signal)).to.include({ reason: "no_v1_data" });
      expect(await cleanupActor(context, changed.id, now, signal)).to.include({ reason: "v1_changed" });
      const left = await dumpRows(store);
      expect(v1RowsIn(left, clean)).to.deep.equal([]);
      expect(v1RowsIn(left, changed)).to.have.length(v1Rows(changed, image).length);
      const records = [clean, changed].map(({ id }) =>
        left.some(({ key }) => Buffer.compare(key, cleanupKey(id)) === 0),
      );
      expect(records).to.deep.equal([true, false]);
    });
  });
});

function v1Of(store: MemoryStore, actor: TestActor): Row[] {
  return v1RowsIn(store.dump(), actor);
}

function v1RowsIn(rows: readonly Row[], { id }: TestActor): Row[] {
  const { begin, end } = v1Range(id);
  return rows.filter(({ key }) => Buffer.compare(key, begin) >= 0 && Buffer.compare(key, end) < 0);
}

function sorted(rows: readonly Row[]): Row[] {
  return rows
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
    .map(({ key, value }) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) }));
}
