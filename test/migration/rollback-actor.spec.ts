import { expect } from "chai";
import { readOutcome } from "../../src/campaign/ledger/ledger.ts";
import { leaseKey } from "../../src/migration/ferry-keys.ts";
import { rollbackActor, type RollbackResult } from "../../src/migration/rollback-actor.ts";
import { verifyActor } from "../../src/migration/verify-actor.ts";
import { v1Range } from "../../src/migration/v1/v1-keys.ts";
import type { Store } from "../../src/store/store.ts";
import { wakeRows } from "../support/depot-world.ts";
import { CrashError, CUTS, FaultyStore, UNKNOWNS, type Fault } from "../support/faulty-store.ts";
import type { MemoryStore } from "../support/memory-store.ts";
import { atEachStep, makeScene, SCENE_TARGETS, type MigratedScene } from "../support/migrated-scene.ts";
import { noIntegrityCheck } from "../support/no-integrity-check.ts";
import { entryRows, fileMetadataK, TAG } from "../support/v1-actors.ts";
import { sqliteImageAfter, sqliteImageOfPages } from "../support/v1-actors-sqlite.ts";

const { signal } = new AbortController();

for (const target of SCENE_TARGETS) {
  describe(`taking an actor back to v1 from ${target}`, () => {
    let image: Uint8Array;
    let written: Uint8Array;
    let scene: MigratedScene;

    before(() => {
      image = sqliteImageOfPages(100);
      written = sqliteImageAfter(image, "UPDATE pad SET content = randomblob(length(content))");
    });

    beforeEach(async () => {
      scene = await makeScene(target, image);
      expect((await scene.migrate(scene.store)).state).to.equal("migrated");
    });

    const rollBack = (store: Store): Promise<RollbackResult> =>
      rollbackActor(scene.context(store, noIntegrityCheck), scene.actor.id, { dryRun: false }, signal);
    const pagesInV2 = (store: MemoryStore): Promise<number | undefined> =>
      store.transact((tx) => scene.context(store, noIntegrityCheck).target.readPageCount(tx, scene.actor.id));

    /** What a rollback comes to where something happens at one of its steps, for each. */
    async function whereAtEachStep(
      act: (store: MemoryStore) => void,
    ): Promise<{ result: RollbackResult; store: MemoryStore }[]> {
      const { disturbed, undisturbed } = await atEachStep(scene.store, act, rollBack);
      expect(undisturbed).to.include({ kind: "rolled_back" });
      expect(disturbed).to.have.length.above(3);
      return disturbed;
    }

    it("says in the outcome when it was, and of which campaign the actor is, also where v1 is damaged later", async () => {
      scene = await makeScene(target, image);
      await scene.migrate(scene.store, { campaign: "spring" });
      const done = await rollBack(scene.store);
      const outcome = await readOutcome(scene.store, scene.actor.id);
      expect(done).to.deep.equal({ kind: "rolled_back", outcome });
      expect(outcome).to.include({ state: "skipped", campaign: "spring", takenBackAt: outcome?.finishedAt });
      scene.store.load(entryRows(scene.actor, fileMetadataK(TAG.main), new Uint8Array(1)));
      expect(await rollBack(scene.store)).to.deep.equal(done);
    });

    it("waits for an attempt that holds the actor's lease", async () => {
      scene.store.load([{ key: leaseKey(scene.actor.id), value: new Uint8Array(1) }]);
      expect(await rollBack(scene.store)).to.deep.equal({ kind: "refused", reason: "migration_in_progress" });
      expect(await pagesInV2(scene.store)).to.equal(100);
    });

    it("keeps what the engine commits at any moment before it", async () => {
      for (const { result, store } of await whereAtEachStep((living) => {
        scene.writeV2(living, image, written);
      })) {
        expect(result).to.deep.equal({ kind: "refused", reason: "written_since" });
        expect(await pagesInV2(store)).to.equal(100);
      }
    });

    it("keeps v2 where v1 goes, or the actor wakes, at any moment before it", async () => {
      const acts: readonly [(store: MemoryStore) => void, readonly string[]][] = [
        [
          (living) => {
            living.load([], [v1Range(scene.actor.id)]);
          },
          ["no_v1_data", "v1_unreadable"],
        ],
        [
          (living) => {
            living.load(wakeRows(scene.actor).set);
          },
          ["actor_awake"],
        ],
      ];
      for (const [act, reasons] of acts) {
        for (const { result, store } of await whereAtEachStep(act)) {
          expect(result).to.have.property("reason").that.is.oneOf(reasons);
          expect(await pagesInV2(store)).to.equal(100);
        }
      }
    });

    it("is whole, and said once, whatever is known of its commit", async () => {
      const another: Fault = async () => {
        await rollBack(scene.store);
      };
      for (const fault of [...CUTS, ...UNKNOWNS, another]) {
        scene = await makeScene(target, image);
        await scene.migrate(scene.store);
        const faulty = new FaultyStore(scene.store, 1, fault);
        await rollBack(faulty).catch((error: unknown) => {
          expect(error).to.be.instanceOf(CrashError);
        });
        const isDone = (await readOutcome(scene.store, scene.actor.id))?.reason === "rolled_back";
        expect(isDone, String(fault)).to.equal(fault !== "cut_before");
        expect(await pagesInV2(scene.store), String(fault)).to.equal(isDone ? undefined : 100);
        expect(await rollBack(scene.store)).to.include({ kind: "rolled_back" });
        const said = await readOutcome(scene.store, scene.actor.id);
        scene.advance(1_000);
        expect(await rollBack(scene.store)).to.include({ kind: "rolled_back" });
        expect(await readOutcome(scene.store, scene.actor.id)).to.deep.equal(said);
        const { comparison } = await verifyActor(
          scene.context(scene.store, noIntegrityCheck),
          scene.actor.id,
          "quick",
          signal,
        );
        expect(comparison).to.equal("rolled_back");
      }
    });
  });
}
