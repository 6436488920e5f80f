import { expect } from "chai";
import { DEFAULT_MIGRATION_OPTIONS } from "../../../src/migration/context.ts";
import { migrateActor } from "../../../src/migration/migrate-actor.ts";
import { storageTarget } from "../../../src/migration/targets/storage/storage-target.ts";
import { verifyActor } from "../../../src/migration/verify-actor.ts";
import type { Store } from "../../../src/store/store.ts";
import { depotContext } from "../../support/depot-attempt.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { SCENE_TARGETS } from "../../support/migrated-scene.ts";
import { describeEnding, endingOf } from "../../support/reference-attempt.ts";
import { leaseRows, readV2, sha256, v2RowsOf } from "../../support/reference.ts";
import { syntheticImage } from "../../support/v1-actors.ts";
import { LEASE_MS } from "./fault-scenes.ts";
import { assertReadable, freshWorld, type Prepared } from "./prepared.ts";

type Form = (typeof SCENE_TARGETS)[number];

const IMAGE = syntheticImage(600, "text");
const WAYS = { staged: { smallImageBytes: -1 }, small: { smallImageBytes: IMAGE.length } } as const;
const { signal } = new AbortController();

/** One attempt at one form of v2, a second after what was before. */
async function attempt(prepared: Prepared, on: Store, form: Form, way: keyof typeof WAYS): Promise<string> {
  const { world, actor } = prepared;
  world.nowMs += 1_000;
  const context = contextOf(prepared, on, form);
  const options = { ...DEFAULT_MIGRATION_OPTIONS, ...WAYS[way] };
  return describeEnding(await endingOf(migrateActor(context, actor.id, options, signal)));
}

function contextOf({ world }: Prepared, on: Store, form: Form): ReturnType<typeof depotContext> {
  const context = { ...depotContext(on, world), checkIntegrity: () => Promise.resolve({ ok: true } as const) };
  return form === "depot" ? context : { ...context, target: storageTarget };
}

describe("attempts at the two forms of v2 at once", () => {
  for (const first of SCENE_TARGETS) {
    const second = first === "depot" ? "storage" : "depot";
    for (const way of ["staged", "small"] as const) {
      it(`leave the actor whole on Depot: a ${way} one at ${second} at each commit of a staged one at ${first}`, async () => {
        const endings = new Set<string>();
        for (const expired of [false, true]) {
          for (let at = 1, met = true; met; at += 1) {
            met = false;
            const store = new MemoryStore();
            const prepared = await freshWorld(store);
            await prepared.putV1(IMAGE);
            const between = async (): Promise<void> => {
              // A body that runs again meets nobody.
              if (!met) {
                met = true;
                prepared.world.nowMs += expired ? LEASE_MS : 0;
                endings.add(`second ${await attempt(prepared, store, second, way)}`);
              }
            };
            endings.add(`first ${await attempt(prepared, new FaultyStore(store, at, between), first, "staged")}`);
            prepared.world.nowMs += LEASE_MS;
            await attempt(prepared, store, first, "staged");
            await attempt(prepared, store, second, way);
            const title = `commit ${at}, ${expired ? "the lease expired" : "the lease in force"}`;
            await assertWhole(prepared, store, title);
          }
        }
        expect([...endings].toSorted()).to.deep.equal([
          "first lease_lost",
          "first migrated",
          "second deferred migration_in_progress",
          "second migrated",
        ]);
      });
    }
  }

  /** On Depot, which is the last form; what is in the older one, if anything, is right as well, and known not to count. */
  async function assertWhole(prepared: Prepared, store: MemoryStore, title: string): Promise<void> {
    const rows = store.dump();
    assertReadable(rows, prepared.actor);
    await prepared.assertExported(IMAGE);
    if (v2RowsOf(prepared.actor, rows).length > 0) {
      expect(sha256(readV2(prepared.actor, rows).image), title).to.equal(sha256(IMAGE));
    }
    expect(leaseRows(rows), title).to.deep.equal([]);
    for (const [form, expected] of [
      ["depot", "same"],
      ["storage", "superseded"],
    ] as const) {
      const { comparison } = await verifyActor(contextOf(prepared, store, form), prepared.actor.id, "quick", signal);
      expect(comparison, title).to.equal(expected);
    }
  }
});
