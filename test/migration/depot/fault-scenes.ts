import { expect } from "chai";
import { attempt, type World } from "../../support/depot-attempt.ts";
import { DepotEngine } from "../../support/depot-engine.ts";
import {
  branchesWithRows,
  bucketBranchOf,
  isDepotKey,
  pointerOf,
  readEngineImage,
} from "../../support/depot-reference.ts";
import {
  bucketRows,
  BUCKET_BRANCH,
  clearKeys,
  dumpRows,
  ENGINE_BRANCH,
  engineDatabase,
  lifeFieldRow,
  NAMESPACE,
  putRows,
  takeOverRows,
  wakeRows,
} from "../../support/depot-world.ts";
import { withoutLedger } from "../../support/reference-attempt.ts";
import { leaseRows, sha256 } from "../../support/reference.ts";
import { bytesOf, PAGE, startsWith, syntheticImage, type TestActor } from "../../support/v1-actors.ts";
import type { Store } from "../../../src/store/store.ts";
import { assertReadable, freshWorld } from "./prepared.ts";

/* What depot-faults.spec.ts lets go wrong, and what must hold afterwards. */

export const IMAGE = syntheticImage(330, "random", 5);
/** Of more pages than the engine could migrate itself: in one transaction, and staged in two. */
export const WAYS = [
  ["in one transaction", { smallImageBytes: 4_000_000 }],
  ["staged", { smallImageBytes: -1 }],
] as const;
type Migration = (typeof WAYS)[number][1];

/** Longer than the lease. */
export const LEASE_MS = 61_000;

/** One actor before its first attempt. */
export interface Scene {
  readonly store: Store;
  readonly world: World;
  readonly actor: TestActor;
  /** What v1 holds. */
  image: Uint8Array;
  /** Rows before any attempt at this actor. */
  readonly before: readonly string[];
}

/** The engine and other attempts, at work between an attempt's body and its commit. */
export const COMPETITORS: Readonly<Record<string, (scene: Scene, migration: Migration) => Promise<void>>> = {
  "the engine creates the bucket": createBucket,
  "the engine commits the database": async ({ store, actor }) => {
    await createBucket({ store });
    const bucketBranch = bucketBranchOf(await dumpRows(store), NAMESPACE) ?? BUCKET_BRANCH;
    if (pointerOf(await dumpRows(store), actor) === undefined) {
      await putRows(store, engineDatabase(actor, bucketBranch, enginePages()));
    }
  },
  "actor2 takes the actor over": async ({ store, actor }) => putRows(store, takeOverRows(actor)),
  "the actor wakes": async ({ store, actor }) => {
    const { set, clear } = wakeRows(actor);
    await putRows(store, set);
    await clearKeys(store, clear);
  },
  "the actor wakes and sleeps again": async ({ store, actor }) =>
    putRows(store, [lifeFieldRow(actor, "SLEEP_TS", Uint8Array.of(0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0x07))]),
  "the actor wakes, writes, and sleeps again": async (scene) => {
    const engine = new DepotEngine(scene.store, scene.actor, scene.world.now);
    if (await engine.wake()) {
      const image = Uint8Array.from(scene.image).fill(0x77, 7 * PAGE, 8 * PAGE);
      await engine.writeV1Page(7, image.subarray(7 * PAGE, 8 * PAGE));
      await engine.sleep();
      scene.image = image;
    }
  },
  "another attempt comes": async ({ store, world, actor }, migration) => {
    await attempt(store, world, actor, { migration });
  },
  "another attempt takes the expired lease": async ({ store, world, actor }, migration) => {
    world.nowMs += LEASE_MS;
    await attempt(store, world, actor, { migration });
  },
};

async function createBucket({ store }: Pick<Scene, "store">): Promise<void> {
  if (bucketBranchOf(await dumpRows(store), NAMESPACE) === undefined) {
    await putRows(store, bucketRows(BUCKET_BRANCH));
  }
}

function enginePages(): Map<number, Uint8Array> {
  return new Map([[1, IMAGE.slice(0, PAGE)]]);
}

/** Whatever happened: one whole database or none, that of Ferry equal to v1, and no branch but the one pointed to. */
export async function assertSound({ store, actor, image }: Scene): Promise<"ferry" | "engine" | "none"> {
  const rows = await dumpRows(store);
  expect(leaseRows(rows), "a lease is left").to.deep.equal([]);
  const pointer = pointerOf(rows, actor);
  if (pointer === undefined) {
    expect(branchesWithRows(rows)).to.deep.equal([]);
    return "none";
  }
  if (pointer.subarray(3, 19).equals(ENGINE_BRANCH)) {
    expect(branchesWithRows(rows)).to.deep.equal([Buffer.from(ENGINE_BRANCH).toString("hex")]);
    expect(sha256(readEngineImage(rows, ENGINE_BRANCH))).to.equal(sha256(IMAGE.slice(0, PAGE)));
    return "engine";
  }
  expect(sha256(assertReadable(rows, actor).image)).to.equal(sha256(image));
  return "ferry";
}

/** What is not Depot's, nor the ledger's, nor what Ferry keeps for the undo, is as it was. */
export async function assertNothingElse({ store, actor, before }: Scene): Promise<void> {
  const undo = bytesOf(2, "ferry", 0, 2, "depot_image", 0, 2, actor.id, 0);
  const rows = (await dumpRows(store)).filter(({ key }) => !isDepotKey(key) && !startsWith(key, undo));
  expect(withoutLedger(rows)).to.deep.equal(before);
}

/** The actor asleep in an empty store, in a pool that Ferry knows. */
export async function scene(store: Store): Promise<Scene> {
  const { world, actor, putV1 } = await freshWorld(store);
  await putV1(IMAGE);
  return { store, world, actor, image: IMAGE, before: withoutLedger(await dumpRows(store)) };
}
