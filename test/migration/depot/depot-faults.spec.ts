import { expect } from "chai";
import { attempt } from "../../support/depot-attempt.ts";
import { branchesWithRows, pointerOf } from "../../support/depot-reference.ts";
import { dumpRows, putRows, takeOverRows } from "../../support/depot-world.ts";
import { CrashError, CUTS, FaultyStore, UNKNOWNS } from "../../support/faulty-store.ts";
import { forEachGround } from "../../support/grounds.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { sha256 } from "../../support/reference.ts";
import { LONG } from "../../support/run-options.ts";
import { forEachEngine } from "../../support/stores.ts";
import { syntheticImage, v1Rows, type Row } from "../../support/v1-actors.ts";
import {
  assertNothingElse,
  assertSound,
  COMPETITORS,
  IMAGE,
  LEASE_MS,
  scene,
  WAYS,
  type Scene,
} from "./fault-scenes.ts";
import { freshWorld } from "./prepared.ts";

/*
 * As faults.spec.ts, on Depot: every step of an attempt goes wrong in every way, and the engine and other attempts act at every step.
 */

const NO_ROWS: readonly Row[] = [];

for (const [way, migration] of WAYS) {
  describe(`an attempt to migrate to Depot, ${way}`, function () {
    this.timeout(LONG ? 600_000 : 60_000);

    let commits: readonly string[];

    before(async () => {
      const { store, world, actor } = await scene(new MemoryStore());
      const counting = new FaultyStore(store);
      await attempt(counting, world, actor, { migration });
      commits = counting.commits;
    });

    it("makes the bucket, then all at once, or stage by stage", () => {
      const expected =
        way === "in one transaction"
          ? ["prepare", "migrate_small"]
          : ["prepare", "begin_stage", "stage", "stage", "seal", "finalize"];
      expect(commits).to.deep.equal(expected);
    });

    forEachGround((prepare) => {
      /** One run per commit; what failed says at which. */
      const atEachCommit = async (run: (at: number, found: Scene) => Promise<void>): Promise<void> => {
        for (let at = 1; at <= commits.length; at += 1) {
          try {
            await run(at, await scene(await prepare(NO_ROWS)));
          } catch (error) {
            throw new Error(`at commit ${at}, ${commits[at - 1] ?? ""}`, { cause: error });
          }
        }
      };

      const cutAt = async (at: number, cut: (typeof CUTS)[number], { store, world, actor }: Scene): Promise<void> => {
        const error: unknown = await attempt(new FaultyStore(store, at, cut), world, actor, { migration }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error, cut).to.be.instanceOf(CrashError);
      };

      for (const cut of CUTS) {
        it(`leaves the actor whole when it is cut, and the next attempt finishes: ${cut}, every commit`, async () => {
          await atEachCommit(async (at, found) => {
            const { store, world, actor } = found;
            await cutAt(at, cut, found);
            const rows = await dumpRows(store);
            const switched = cut === "cut_after" && at === commits.length;
            expect(pointerOf(rows, actor) !== undefined).to.equal(switched);
            expect(rows, "v1 was touched").to.deep.include.members(v1Rows(actor, IMAGE).slice(0, 10));
            const early = await attempt(store, world, actor, { migration });
            if (early.state === "deferred") {
              expect(early.reason).to.equal("migration_in_progress");
              world.nowMs += LEASE_MS;
            }
            const outcome = early.state === "deferred" ? await attempt(store, world, actor, { migration }) : early;
            expect(outcome).to.include({ state: "migrated", sha256: sha256(IMAGE) });
            expect(await assertSound(found)).to.equal("ferry");
            await assertNothingElse(found);
          });
        });
      }

      it("survives a second crash at any commit after a first one at any", async () => {
        const all = commits.map((_, index) => index + 1);
        for (const first of LONG ? all : all.slice(-2)) {
          await atEachCommit(async (at, found) => {
            const { store, world, actor } = found;
            for (const [number, cut] of [
              [first, "cut_after"],
              [at, at % 2 === 0 ? "cut_after" : "cut_before"],
            ] as const) {
              // A second attempt has fewer commits where the first one's count.
              await attempt(new FaultyStore(store, number, cut), world, actor, { migration }).catch(() => undefined);
              world.nowMs += LEASE_MS;
            }
            const outcome = await attempt(store, world, actor, { migration });
            expect(outcome).to.include({ state: "migrated", sha256: sha256(IMAGE) });
            expect(await assertSound(found)).to.equal("ferry");
            await assertNothingElse(found);
          });
        }
      });

      for (const unknown of UNKNOWNS) {
        it(`goes on when a commit's result is unknown: ${unknown}, every commit`, async () => {
          await atEachCommit(async (at, found) => {
            const { store, world, actor } = found;
            const outcome = await attempt(new FaultyStore(store, at, unknown), world, actor, { migration });
            expect(outcome).to.include({ state: "migrated", sha256: sha256(IMAGE), attempts: 1 });
            expect(await assertSound(found)).to.equal("ferry");
            await assertNothingElse(found);
          });
        });
      }

      for (const [name, compete] of Object.entries(COMPETITORS)) {
        it(`stays sound when ${name}, at every commit`, async () => {
          await atEachCommit(async (at, found) => {
            const { store, world, actor } = found;
            let once = false;
            const faulty = new FaultyStore(store, at, async () => {
              if (!once) {
                once = true;
                await compete(found, migration);
              }
            });
            const outcome = await attempt(faulty, world, actor, { migration }).catch((error: unknown) => {
              expect(error).to.have.property("name", "FenceLostError");
              return undefined;
            });
            world.nowMs += LEASE_MS;
            const last = await attempt(store, world, actor, { migration });
            const owner = await assertSound(found);
            expect([outcome?.state, last.state]).to.not.include("rejected");
            expect(owner, `${outcome?.state ?? "lost"}, ${last.state}`).to.equal(ownerAfter(name, owner));
            expect(last.state === "migrated").to.equal(owner === "ferry");
          });
        });
      }

      it("leaves an actor that actor2 takes over, and can migrate itself, at every commit", async () => {
        const small = syntheticImage(66, "random");
        for (let at = 1; at <= commits.length; at += 1) {
          const { world, actor, store, putV1 } = await freshWorld(await prepare(NO_ROWS));
          await putV1(small);
          const seen = { reached: false };
          const faulty = new FaultyStore(store, at, async () => {
            seen.reached = true;
            await putRows(store, takeOverRows(actor));
          });
          const outcome = await attempt(faulty, world, actor, { migration });
          const switched = pointerOf(await dumpRows(store), actor) !== undefined;
          expect(switched, `${at}`).to.equal(!seen.reached);
          expect(outcome.state, `${at}`).to.equal(seen.reached ? "deferred" : "migrated");
          if (seen.reached) {
            const later = await attempt(store, world, actor, { migration });
            expect(later).to.include({ state: "deferred", reason: "engine_took_over" });
            expect(branchesWithRows(await dumpRows(store))).to.deep.equal([]);
          }
        }
      });
    });
  });
}

forEachEngine((makeStore, engine) => {
  it("an attempt to migrate to Depot survives a cut at one commit after the other", async function () {
    this.timeout(300_000);
    const found = await scene(await makeStore());
    const { store, world, actor } = found;
    for (const at of [1, 2, 3, 4, 5, 6]) {
      const faulty = new FaultyStore(store, at > 1 ? at - 1 : 1, at % 2 === 0 ? "cut_before" : "cut_after");
      await attempt(faulty, world, actor, { migration: WAYS[1][1] }).catch((error: unknown) => {
        expect(error, engine).to.be.instanceOf(CrashError);
      });
      world.nowMs += LEASE_MS;
    }
    await attempt(store, world, actor, { migration: WAYS[1][1] });
    expect(await assertSound(found)).to.equal("ferry");
  });
});

/** Who may own the database in the end. Where the engine only touches the actor, either Ferry was first or nobody. */
function ownerAfter(competitor: string, owner: string): string {
  switch (competitor) {
    case "the engine commits the database":
      return "engine";
    case "the engine creates the bucket":
    case "another attempt comes":
    case "another attempt takes the expired lease":
    case "the actor wakes and sleeps again":
    case "the actor wakes, writes, and sleeps again":
      return "ferry";
    default:
      return owner;
  }
}
