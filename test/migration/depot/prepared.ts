import { expect } from "chai";
import { inflated } from "../../../src/migration/pages.ts";
import { storeRows } from "../../../src/migration/rows.ts";
import { makeDepotTarget } from "../../../src/migration/targets/depot/depot-target.ts";
import type { Store } from "../../../src/store/store.ts";
import { attempt, World } from "../../support/depot-attempt.ts";
import { branchesWithRows, readDepot, type ReferenceDepot } from "../../support/depot-reference.ts";
import { NAMESPACE, POOL_ROW, putRows, sleepingActor } from "../../support/depot-world.ts";
import { sha256 } from "../../support/reference.ts";
import { syntheticImage, testActor, v1Rows, type Row, type TestActor } from "../../support/v1-actors.ts";

/** A store with a pool that Ferry has known for long, and one sleeping actor. */
export interface Prepared {
  readonly store: Store;
  readonly world: World;
  readonly actor: TestActor;
  readonly putV1: (image: Uint8Array) => Promise<void>;
  /** Reads the database with Ferry's own reader. */
  readonly assertExported: (image: Uint8Array) => Promise<void>;
}

/** @param rows what is there besides the pool and the actor. */
export async function freshWorld(store: Store, rows: readonly Row[] = []): Promise<Prepared> {
  const world = new World();
  const actor = testActor(1);
  await putRows(store, [...sleepingActor(actor), POOL_ROW, ...rows]);
  await knowPool(store, world);
  return {
    store,
    world,
    actor,
    putV1: async (image) => putRows(store, v1Rows(actor, image)),
    assertExported: async (image) => {
      const target = makeDepotTarget({ now: world.now });
      const from = storeRows(store, new AbortController().signal);
      expect(await target.readPageCount(from, actor.id)).to.equal(image.length / 4096);
      const pages: Uint8Array[] = [];
      for await (const batch of inflated(target.readBlocks(from, actor.id, image.length / 4096))) {
        pages.push(...batch.pages);
      }
      expect(sha256(Buffer.concat(pages))).to.equal(sha256(image));
    },
  };
}

/** Another actor of the pool comes first: Ferry sees the pool's PROTOCOL_VERSION, and is made to wait. */
export async function knowPool(store: Store, world: World): Promise<void> {
  const scout = testActor(99);
  await putRows(store, [...sleepingActor(scout), ...v1Rows(scout, syntheticImage(1, "zeros"))]);
  const outcome = await attempt(store, world, scout);
  expect(outcome).to.include({ state: "deferred", reason: "pool_on_v1" });
  world.nowMs += 10_000;
}

/** The database as the naive reader has it; and no branch has rows but those that a pointer leads to. */
export function assertReadable(rows: readonly Row[], actor: TestActor): ReferenceDepot {
  const found = readDepot(rows, actor, NAMESPACE);
  expect(branchesWithRows(rows)).to.deep.equal([found.branch.toString("hex")]);
  return found;
}
