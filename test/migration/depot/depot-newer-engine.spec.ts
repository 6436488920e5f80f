import { expect } from "chai";
import { attempt } from "../../support/depot-attempt.ts";
import { DepotEngine, type ImportStep } from "../../support/depot-engine.ts";
import { branchesWithRows, pointerOf, readEngineImage, Rowset } from "../../support/depot-reference.ts";
import { ENGINE_BRANCH } from "../../support/depot-world.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { leaseRows, sha256 } from "../../support/reference.ts";
import { LONG } from "../../support/run-options.ts";
import { IMAGE, LEASE_MS, scene, WAYS, type Scene } from "./fault-scenes.ts";

/*
 * Engines newer than the releases import in several commits behind a marker, and go on with a database that they find when they come
 * back: docs/decisions/depot-gates.md. Such an import gets to every one of its steps at every commit of an attempt, rests there while
 * Ferry tries again, and goes on.
 */

const STEPS: readonly ImportStep[] = ["looked", "marked", "committed", "committed", "ended"];

interface Meeting {
  readonly found: Scene;
  /** How far the import gets at the commit; 6 is to its end. */
  readonly steps: number;
  readonly at: number;
  readonly migration: (typeof WAYS)[number][1];
  /** Whether actor2 has taken the actor over before the attempt, and not only when the import begins. */
  readonly takenOver: boolean;
}

/** @returns the states of the attempt that was met, and of one that came while the import rested. */
async function meet({ found, steps, at, migration, takenOver }: Meeting): Promise<[met: string, resting: string]> {
  const { store, world, actor } = found;
  const engine = new DepotEngine(store, actor, world.now);
  const importing = engine.importV1();
  let begun = false;
  if (takenOver) {
    await engine.takeOver();
  }
  const faulty = new FaultyStore(store, at, async () => {
    if (begun) {
      return;
    }
    begun = true;
    if (!takenOver) {
      await engine.takeOver();
    }
    for (let step = 0; step < steps; step += 1) {
      expect((await importing.next()).value).to.equal(STEPS[step]);
    }
  });
  const met = await attempt(faulty, world, actor, { migration }).then(
    ({ state, reason }) => reason ?? state,
    (error: unknown) => {
      expect(error).to.have.property("name", "FenceLostError");
      return "lost";
    },
  );
  world.nowMs += LEASE_MS;
  const resting = await attempt(store, world, actor, { migration });
  let rest = await importing.next();
  while (rest.done !== true) {
    rest = await importing.next();
  }
  return [met, resting.reason ?? resting.state];
}

function range(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

/** One whole database, equal to v1, whoever's it is and whoever wrote to it last. */
function assertWhole({ store, actor }: { store: MemoryStore; actor: Scene["actor"] }): void {
  const rows = store.dump();
  const branch = pointerOf(rows, actor)?.subarray(3, 19);
  expect(branchesWithRows(rows)).to.deep.equal([branch?.toString("hex")]);
  expect(sha256(readEngineImage(rows, branch ?? new Uint8Array(16)))).to.equal(sha256(IMAGE));
  expect(leaseRows(rows), "a lease is left").to.deep.equal([]);
}

for (const [way, migration] of WAYS) {
  describe(`a newer engine's import beside an attempt ${way}`, function () {
    this.timeout(120_000);

    for (const takenOver of [true, false]) {
      it(`ends in one whole database, ${takenOver ? "taken over before" : "taken over meanwhile"}`, async () => {
        const last = way === "staged" ? 6 : 2;
        for (const at of LONG ? range(last) : [1, last]) {
          for (const steps of LONG ? range(6) : [1, 2, 3, 5]) {
            const store = new MemoryStore();
            const found = await scene(store);
            const [met, resting] = await meet({ found, steps, at, migration, takenOver });
            const where = `${STEPS[steps - 1] ?? "done"} at commit ${at}: ${met}, ${resting}`;
            try {
              assertWhole({ store, actor: found.actor });
            } catch (error) {
              throw new Error(where, { cause: error });
            }
            if (steps > 1) {
              // The switch is the last commit, so the import is ahead of it.
              expect(met, where).to.not.equal("migrated");
              expect(resting, where).to.equal(steps < 5 ? "engine_took_over" : "already_migrated");
            }
          }
        }
      });
    }

    it("goes on over Ferry's database, when it looked before the switch, and leaves it what it was", async () => {
      const store = new MemoryStore();
      const found = await scene(store);
      const [met] = await meet({ found, steps: 1, at: 1, migration, takenOver: true });
      expect(met).to.equal("migrated");
      const rows = store.dump();
      const branch = pointerOf(rows, found.actor)?.subarray(3, 19) ?? new Uint8Array(16);
      expect(Buffer.from(branch).equals(ENGINE_BRANCH), "the engine's branch").to.equal(false);
      const head = new Rowset(rows).get(2, 0x30, "/", branch, "/META/head");
      expect(head?.readBigUInt64LE(2), "Ferry's six txids, and the engine's page 1").to.equal(7n);
      assertWhole({ store, actor: found.actor });
    });
  });
}
