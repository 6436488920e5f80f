import { expect } from "chai";
import { FormatError } from "../../src/formats/format-error.ts";
import { cleanupActor } from "../../src/migration/cleanup-actor.ts";
import { IntegrityChecker } from "../../src/migration/integrity/integrity-checker.ts";
import { readMigratedActor } from "../../src/migration/migrated-actor.ts";
import type { Outcome } from "../../src/migration/outcome.ts";
import { rollbackActor } from "../../src/migration/rollback-actor.ts";
import { storageTarget } from "../../src/migration/targets/storage/storage-target.ts";
import { isBad, verifyActor, type Verification } from "../../src/migration/verify-actor.ts";
import { v1Range } from "../../src/migration/v1/v1-keys.ts";
import { bucketBranchOf, pointerOf } from "../support/depot-reference.ts";
import { bytes, ENGINE_BRANCH, engineDatabase, NAMESPACE, takeOverRows, wakeRows } from "../support/depot-world.ts";
import type { MemoryStore } from "../support/memory-store.ts";
import { livingStore, makeScene, SCENE_TARGETS, type MigratedScene } from "../support/migrated-scene.ts";
import { STAGED } from "../support/reference-attempt.ts";
import { encodeReferenceHead, logicalKey, physicalRows, v2RowsOf } from "../support/reference.ts";
import { entryRows, fileChunkK, fileRows, lifeRow, PAGE, TAG, v1Rows } from "../support/v1-actors.ts";
import { sqliteImageAfter, sqliteImageOfPages } from "../support/v1-actors-sqlite.ts";

const PAGES = 200;
const NO_HOLD = { holdMs: 0, delete: true, who: "test" };
const signal = new AbortController().signal;

/** The engine commits before every look at the actor but the first, as one does that never rests. */
function writingAlways(scene: MigratedScene, before: Uint8Array): Parameters<typeof livingStore>[1] {
  let [now, next] = [before, sqliteImageAfter(before, "UPDATE pad SET content = randomblob(length(content))")];
  return (store, { point, label, n }) => {
    if (point === "begin" && label === "verify" && n > 1) {
      scene.writeV2(store, now, next);
      [now, next] = [next, now];
    }
  };
}

describe("verifying a migrated actor", () => {
  const checker = new IntegrityChecker();
  const check = checker.check.bind(checker);
  /** As SQLite finds an image that is torn by a write. */
  const corrupt: typeof check = async (source, mode, stop) => {
    await check(source, mode, stop);
    return { ok: false, reason: "damaged", lines: ["torn"] };
  };
  let image: Uint8Array;
  /** The same database after a commit that touches every page. */
  let written: Uint8Array;
  let other: Uint8Array;

  before(() => {
    image = sqliteImageOfPages(PAGES);
    other = sqliteImageOfPages(5);
    written = sqliteImageAfter(image, "UPDATE pad SET content = randomblob(length(content))");
    expect(written.length).to.equal(image.length);
  });

  after(async () => {
    await checker.close();
  });

  for (const target of SCENE_TARGETS) {
    describe(`to ${target}`, () => {
      let scene: MigratedScene;

      const verify = (store: MemoryStore = scene.store): Promise<Verification> =>
        verifyActor(scene.context(store, check), scene.actor.id, "full", signal);
      const writeV1 = (store: MemoryStore = scene.store): void => {
        store.load(fileRows(scene.actor, TAG.main, written));
      };
      const destroy = (store: MemoryStore): void => {
        store.load([lifeRow(scene.actor, "DESTROY_TS")]);
      };

      beforeEach(async () => {
        scene = await makeScene(target, image);
        expect((await scene.migrate(scene.store)).state).to.equal("migrated");
      });

      it("finds it the same, and after a commit of the engine's written since", async () => {
        expect(await verify()).to.deep.equal({ comparison: "same", integrity: "ok", lines: [], pages: PAGES });
        scene.writeV2(scene.store, image, written);
        expect(await verify()).to.deep.equal({ comparison: "written_since", integrity: "ok", lines: [], pages: PAGES });
      });

      it("finds v1 changed, whether v2 was written as well or not", async () => {
        writeV1();
        const found = await verify();
        expect(found).to.include({ comparison: "v1_changed", integrity: "ok" });
        expect(found)
          .to.have.property("detail")
          .that.matches(/another one than was migrated/);
        expect(isBad(found)).to.equal(true);
        scene.writeV2(scene.store, image, written);
        expect(await verify()).to.deep.equal(found);
      });

      it("finds v1 changed where a part of it is gone, or a journal has come", async () => {
        const rows = v1Rows(scene.actor, image);
        const damaged = livingStore(scene.store, () => undefined);
        const [row] = entryRows(scene.actor, fileChunkK(TAG.main, 150), new Uint8Array(1));
        const key = row?.key ?? new Uint8Array(0);
        expect(rows.some((v1) => Buffer.compare(v1.key, key) === 0)).to.equal(true);
        damaged.load([], [{ begin: key, end: Uint8Array.of(...key, 0) }]);
        expect(await verify(damaged)).to.include({ comparison: "v1_changed" });
        scene.store.load(fileRows(scene.actor, TAG.journal, new Uint8Array(600).fill(7)));
        expect(await verify())
          .to.have.property("detail")
          .that.matches(/journal or a log/);
      });

      /** An old runner takes the actor, and has v1 open. */
      const wake = (store: MemoryStore): void => {
        store.load(wakeRows(scene.actor).set);
      };

      it("finds an actor running on v1, though it has only read so far, also where v1 is gone", async () => {
        wake(scene.store);
        const found = await verify();
        expect(found).to.deep.equal({ comparison: "runs_on_v1", integrity: "ok", lines: [], pages: PAGES });
        expect(isBad(found)).to.equal(true);
        const cleaned = livingStore(scene.store, () => undefined);
        cleaned.load([], [v1Range(scene.actor.id)]);
        expect(await verify(cleaned)).to.deep.equal(found);
        writeV1();
        expect(await verify()).to.include({ comparison: "v1_changed" });
      });

      it("finds nothing bad in an actor that runs on v2, or that ran on v1 only while it was read", async () => {
        const placed = wakeRows(scene.actor).set;
        const living = livingStore(scene.store, (store, { label, n }) => {
          if (label === "read_v1" && n === 1) {
            const end = placed.map(({ key }) => ({ begin: key, end: Uint8Array.of(...key, 0) }));
            store.load([lifeRow(scene.actor, "SLEEP_TS", 9n)], end);
          }
        });
        wake(living);
        expect(await verify(living)).to.include({ comparison: "same" });
        scene.store.load([...takeOverRows(scene.actor), lifeRow(scene.actor, "ENVOY_KEY")]);
        expect(await verify()).to.include({ comparison: "same" });
      });

      it("says that v2 cannot be read where its head cannot", async () => {
        scene.breakHead(scene.store);
        const found = await verify();
        expect(found).to.include({ comparison: "v2_unreadable", integrity: "unreadable" });
        expect(isBad(found)).to.equal(true);
      });

      it("finds nothing bad in a sound commit of the engine's, whenever it comes", async () => {
        const comparisons = new Set<string>();
        for (let at = 1, beats = at; beats >= at; at += 1) {
          beats = 0;
          const living = livingStore(scene.store, (store) => {
            beats += 1;
            if (beats === at) {
              scene.writeV2(store, image, written);
            }
          });
          const found = await verify(living);
          expect(found, `before transaction ${at}`).to.include({ integrity: "ok" });
          expect(isBad(found), `before transaction ${at}: ${found.comparison}`).to.equal(false);
          comparisons.add(found.comparison);
        }
        expect([...comparisons].sort()).to.deep.equal(["same", "written_since"]);
      });

      it("says so of an actor that is written each time that it is read", async () => {
        let writes = 0;
        let [now, next] = [image, written];
        const living = livingStore(scene.store, (store, { label, n }) => {
          // The first that a round reads of the image, and once more before its end.
          if (label === "read_v2" && n % 2 === 0) {
            scene.writeV2(store, now, next);
            [now, next] = [next, now];
            writes += 1;
          }
        });
        const found = await verifyActor(scene.context(living, corrupt), scene.actor.id, "full", signal);
        expect(found).to.deep.equal({ comparison: "written_since", integrity: "unchecked", lines: [], pages: PAGES });
        expect(isBad(found)).to.equal(false);
        expect(writes).to.be.greaterThan(2);
      });

      it("finds v2 different where it is another database, also with v1 gone or where that is written all the time", async () => {
        scene.replaceV2(scene.store, other);
        const found = await verify();
        expect(found).to.deep.equal({ comparison: "different", integrity: "ok", lines: [], pages: 5 });
        const cleaned = livingStore(scene.store, () => undefined);
        cleaned.load([], [v1Range(scene.actor.id)]);
        expect(await verify(cleaned)).to.deep.equal(found);
        const living = livingStore(scene.store, writingAlways(scene, other));
        expect(await verify(living)).to.include({ comparison: "different", integrity: "unchecked" });
      });

      it("does not hold the engine's own image against v1, whatever that holds", async () => {
        const own = await makeScene(target, image);
        own.replaceV2(own.store, other);
        const found = (store: MemoryStore): Promise<Verification> =>
          verifyActor(own.context(store, check), own.actor.id, "quick", signal);
        expect(await found(own.store)).to.include({ comparison: "not_migrated", integrity: "ok" });
        const cleaned = livingStore(own.store, () => undefined);
        cleaned.load([], [v1Range(own.actor.id)]);
        expect(await found(cleaned)).to.include({ comparison: "no_v1_data", integrity: "ok" });
      });

      it("does not take the engine's own image for one in place of Ferry's where that is written all the time", async () => {
        const own = await makeScene(target, image);
        own.replaceV2(own.store, other);
        const living = livingStore(own.store, writingAlways(own, other));
        const found = await verifyActor(own.context(living, corrupt), own.actor.id, "full", signal);
        expect(found).to.include({ comparison: "written_since", integrity: "unchecked" });
      });

      it("finds v1 changed where v2 is written all the time, or cannot be read", async () => {
        writeV1();
        const living = livingStore(scene.store, writingAlways(scene, image));
        const found = await verifyActor(scene.context(living, corrupt), scene.actor.id, "full", signal);
        expect(found).to.include({ comparison: "v1_changed" });
        const unreadable: typeof check = () => Promise.reject(new FormatError("page_missing", "A page is not there."));
        expect(await verifyActor(scene.context(scene.store, unreadable), scene.actor.id, "full", signal)).to.include({
          comparison: "v1_changed",
          integrity: "unreadable",
        });
      });

      it("finds an image gone that was written all the time before", async () => {
        const write = writingAlways(scene, image);
        const living = livingStore(scene.store, async (store, at) => {
          if (at.point === "begin" && at.label === "verify" && at.n === 4) {
            await store.transact((tx) => scene.context(store, check).target.undo(tx, scene.actor.id));
          } else if (at.n < 4) {
            await write(store, at);
          }
        });
        const found = await verifyActor(scene.context(living, corrupt), scene.actor.id, "full", signal);
        expect(found).to.deep.equal({ comparison: "no_v2_image" });
      });

      it("finds an actor destroyed that was never migrated and has its v1 still", async () => {
        const own = await makeScene(target, image);
        const verifyOwn = async (): Promise<string> =>
          (await verifyActor(own.context(own.store, check), own.actor.id, "quick", signal)).comparison;
        expect(await verifyOwn()).to.equal("on_v1");
        own.store.load([lifeRow(own.actor, "DESTROY_TS")]);
        expect(await verifyOwn()).to.equal("destroyed");
      });

      /** Verifies while something is done before the nth transaction of a label. */
      const verifyWhile = async (label: string, at: number, act: (store: MemoryStore) => Promise<unknown>) => {
        let acted = false;
        const living = livingStore(scene.store, async (store, { point, label: of, n }) => {
          if (!acted && point === "begin" && of === label && n === at) {
            acted = true;
            await act(store);
          }
        });
        const found = await verify(living);
        expect(acted).to.equal(true);
        return found;
      };

      it("finds nothing bad where v1 is cleaned up meanwhile", async () => {
        const found = await verifyWhile("read_v1", 1, (store) =>
          cleanupActor(scene.context(store, check), scene.actor.id, NO_HOLD, signal),
        );
        expect(found).to.include({ comparison: "no_v1_data", integrity: "ok" });
      });

      it("finds an actor rolled back that was so meanwhile", async () => {
        for (const at of [1, 2, 3]) {
          const found = await verifyWhile("read_v2", at, (store) =>
            rollbackActor(scene.context(store, check), scene.actor.id, { dryRun: false }, signal),
          );
          expect(found, `before read_v2 ${at}`).to.deep.equal({ comparison: "rolled_back" });
        }
      });

      it("finds an actor destroyed that has no image, and good one that has", async () => {
        scene.store.load([], [v1Range(scene.actor.id)]);
        destroy(scene.store);
        expect(await verify()).to.include({ comparison: "no_v1_data", integrity: "ok" });
        await scene
          .context(scene.store, check)
          .store.transact((tx) => scene.context(scene.store, check).target.undo(tx, scene.actor.id));
        expect(await verify()).to.deep.equal({ comparison: "destroyed" });
        expect(isBad(await verify())).to.equal(false);
      });

      it("finds an actor destroyed that was destroyed while it was read, or of which half is left", async () => {
        const living = livingStore(scene.store, (store, { label, n }) => {
          if (label === "read_v1" && n === 1) {
            store.load([], [v1Range(scene.actor.id)]);
            destroy(store);
            scene.breakHead(store);
          }
        });
        expect(await verify(living)).to.deep.equal({ comparison: "destroyed" });
        scene.breakHead(scene.store);
        destroy(scene.store);
        expect(await verify()).to.deep.equal({ comparison: "destroyed" });
      });

      it("finds an actor lost that was migrated, by Ferry or the engine, and one on v1 that was not", async () => {
        const context = scene.context(scene.store, check);
        await scene.store.transact((tx) => context.target.undo(tx, scene.actor.id));
        expect(await verify()).to.deep.equal({ comparison: "no_v2_image" });
        const { outcome } = await context.store.transact((tx) => readMigratedActor(context, tx, scene.actor.id));
        const found = async (other: Partial<Outcome>): Promise<string> => {
          const ledger = { ...context.ledger, read: () => Promise.resolve(outcome && { ...outcome, ...other }) };
          return (await verifyActor({ ...context, ledger }, scene.actor.id, "full", signal)).comparison;
        };
        for (const reason of ["already_migrated", "native_v2"]) {
          expect(await found({ state: "skipped", reason })).to.equal("no_v2_image");
        }
        expect(await found({ state: "deferred", reason: "actor_awake" })).to.equal("on_v1");
        expect(isBad({ comparison: "on_v1" })).to.equal(false);
      });

      it("does not take an actor for destroyed that lost its image after a cleanup", async () => {
        const context = scene.context(scene.store, check);
        expect(await cleanupActor(context, scene.actor.id, NO_HOLD, signal)).to.include({ kind: "removed" });
        await scene.store.transact((tx) => context.target.undo(tx, scene.actor.id));
        expect(await verify()).to.deep.equal({ comparison: "no_v2_image" });
        expect(isBad({ comparison: "no_v2_image" })).to.equal(true);
      });
    });
  }

  it("reads v1 with the sidecars that it was migrated with", async () => {
    const besides = (actor: MigratedScene["actor"]) => fileRows(actor, TAG.wal, new Uint8Array(5000).fill(7));
    const scene = await makeScene("storage", image, besides);
    const outcome = await scene.migrate(scene.store, { ...STAGED, sidecars: "tolerate" });
    expect(outcome.recovery?.wal).to.equal("invalid_header");
    const verify = (): Promise<Verification> =>
      verifyActor(scene.context(scene.store, check), scene.actor.id, "quick", signal);
    expect((await verify()).comparison).to.equal("same");
    scene.store.load(entryRows(scene.actor, fileChunkK(TAG.main, 3), new Uint8Array(PAGE)));
    expect((await verify()).comparison).to.equal("v1_changed");
  });

  it("says that it does not read a fork of Ferry's branch, and cleanup keeps v1 beside one", async () => {
    const { context, store, actor, migrate } = await makeScene("depot", image);
    await migrate(store);
    const rows = store.dump();
    const branch = pointerOf(rows, actor)?.subarray(3, 19) ?? bytes();
    const bucketBranch = bucketBranchOf(rows, NAMESPACE) ?? bytes();
    const forkRecord = bytes("0100", 16, ENGINE_BRANCH, 16, bucketBranch, 1, 16, branch, 1, new Uint8Array(51));
    store.load([
      ...engineDatabase(actor, bucketBranch, new Map([[1, image.subarray(0, PAGE)]])),
      { key: bytes("0220", Buffer.from("/list/"), ENGINE_BRANCH), value: forkRecord },
    ]);
    const found = await verifyActor(context(store, check), actor.id, "quick", signal);
    expect(found).to.have.property("comparison", "v2_unreadable");
    expect(found)
      .to.have.property("lines")
      .that.matches(/is a fork/);
    expect(await cleanupActor(context(store, check), actor.id, NO_HOLD, signal)).to.include({ reason: "v2_not_clean" });
  });

  it("says of the older form that the actor has been brought to Depot since, and so do cleanup and rollback", async () => {
    const scene = await makeScene("depot", image);
    await scene.migrate(scene.store);
    const context = { ...scene.context(scene.store, check), target: storageTarget };
    const before = scene.store.dump();
    expect(await verifyActor(context, scene.actor.id, "quick", signal)).to.deep.equal({ comparison: "superseded" });
    expect(await cleanupActor(context, scene.actor.id, NO_HOLD, signal)).to.include({ reason: "superseded" });
    expect(await rollbackActor(context, scene.actor.id, { dryRun: false }, signal)).to.include({
      reason: "superseded",
    });
    expect(scene.store.dump()).to.deep.equal(before);
  });

  it("takes a stage that somebody has begun for no image", async () => {
    const { actor, store, context } = await makeScene("storage", image);
    const staging = {
      generation: 1n,
      headTxid: 0n,
      nextTxid: 2n,
      materializedTxid: 0n,
      pages: 0,
      creationTsMs: 1n,
      storageUsed: 0n,
      maxStorage: 10n * 1024n ** 3n,
      origin: 2,
    };
    store.load(physicalRows(logicalKey(actor, "/META"), encodeReferenceHead(staging)));
    expect(await verifyActor(context(store, check), actor.id, "quick", signal)).to.deep.equal({ comparison: "on_v1" });
  });

  it("tells a difference that no write explains", async () => {
    const scene = await makeScene("storage", image);
    await scene.migrate(scene.store, { layout: "delta" });
    const other = await makeScene("storage", written);
    await other.migrate(other.store, { layout: "delta" });
    // The rows of another image under the very head, which is 74 bytes long.
    const rows = v2RowsOf(scene.actor, other.store.dump()).filter(({ value }) => value.length !== 74);
    expect(rows).not.to.have.length(0);
    scene.store.load(rows);
    const found = await verifyActor(scene.context(scene.store, check), scene.actor.id, "quick", signal);
    expect(found.comparison).to.equal("different");
    expect(isBad(found)).to.equal(true);
  });

  it("takes an actor for destroyed that was so before its migration", async () => {
    const scene = await makeScene("depot", image);
    scene.store.load([lifeRow(scene.actor, "DESTROY_TS")]);
    expect(await scene.migrate(scene.store)).to.include({ state: "skipped", reason: "destroyed" });
    const verify = (): Promise<Verification> =>
      verifyActor(scene.context(scene.store, check), scene.actor.id, "quick", signal);
    expect(await verify()).to.deep.equal({ comparison: "destroyed" });
    const { key } = lifeRow(scene.actor, "DESTROY_TS");
    scene.store.load([], [{ begin: key, end: Uint8Array.of(...key, 0) }]);
    expect(await verify()).to.deep.equal({ comparison: "destroyed" });
  });
});
