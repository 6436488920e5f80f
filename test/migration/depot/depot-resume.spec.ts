import { expect } from "chai";
import { attempt } from "../../support/depot-attempt.ts";
import { branchesWithRows } from "../../support/depot-reference.ts";
import { bucketRows, BUCKET_BRANCH, dumpRows } from "../../support/depot-world.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { endingOf } from "../../support/reference-attempt.ts";
import { leaseRows } from "../../support/reference.ts";
import { syntheticImage } from "../../support/v1-actors.ts";
import { LEASE_MS } from "./fault-scenes.ts";
import { assertReadable, freshWorld, type Prepared } from "./prepared.ts";

const IMAGE = syntheticImage(2_500, "random");
const STAGED = { depot: { takesPoolsForSettled: true }, migration: { smallImageBytes: -1 } };

const stages = ({ commits }: FaultyStore): number => commits.filter((label) => label === "stage").length;

describe("an attempt to migrate to Depot that follows a crashed one", () => {
  let store: MemoryStore;
  let prepared: Prepared;

  beforeEach(async () => {
    store = new MemoryStore();
    prepared = await freshWorld(store, bucketRows(BUCKET_BRANCH));
    await prepared.putV1(IMAGE);
  });

  /** What is staged in a whole attempt, and the branch of one that ended in the middle of that. */
  const crash = async (): Promise<{ all: number; branch: string | undefined }> => {
    const { world, actor } = prepared;
    const whole = new FaultyStore(new MemoryStore({ from: store }));
    await attempt(whole, world, actor, STAGED);
    const all = stages(whole);
    expect(all).to.be.greaterThan(4);
    const half = whole.commits.indexOf("stage") + Math.floor(all / 2);
    await endingOf(attempt(new FaultyStore(store, half, "cut_after"), world, actor, STAGED));
    world.nowMs += LEASE_MS;
    const [branch, ...others] = branchesWithRows(store.dump());
    expect(others).to.deep.equal([]);
    return { all, branch };
  };

  it("goes on with its branch, after the rows that committed, and the image is right", async () => {
    const { all, branch } = await crash();
    const next = new FaultyStore(store);
    expect(await attempt(next, prepared.world, prepared.actor, STAGED)).to.include({ state: "migrated" });
    expect(stages(next)).to.be.lessThan(all).and.greaterThan(0);
    expect(assertReadable(await dumpRows(store), prepared.actor).branch.toString("hex")).to.equal(branch);
    await prepared.assertExported(IMAGE);
    expect(leaseRows(store.dump())).to.deep.equal([]);
  });

  it("counts what two crashed attempts before it have staged, each once", async () => {
    const { all } = await crash();
    const { world, actor } = prepared;
    // Its lease, and one part.
    await endingOf(attempt(new FaultyStore(store, 2, "cut_after"), world, actor, STAGED));
    world.nowMs += LEASE_MS;
    const last = new FaultyStore(store);
    expect(await attempt(last, world, actor, STAGED)).to.include({ state: "migrated" });
    expect(stages(last)).to.be.lessThan(all - 1);
    // The reference asks that the quota is the sum of all rows.
    assertReadable(await dumpRows(store), actor);
    await prepared.assertExported(IMAGE);
  });

  it("begins anew, on another branch, when v1 is another image, and never mixes the two", async () => {
    const { branch } = await crash();
    const other = syntheticImage(2_501, "random", 2);
    await prepared.putV1(other);
    // Its lease and one part, so that the next one continues it, and not the first.
    await endingOf(attempt(new FaultyStore(store, 2, "cut_after"), prepared.world, prepared.actor, STAGED));
    prepared.world.nowMs += LEASE_MS;
    expect(await attempt(store, prepared.world, prepared.actor, STAGED)).to.include({ state: "migrated" });
    expect(assertReadable(store.dump(), prepared.actor).branch.toString("hex")).not.to.equal(branch);
    await prepared.assertExported(other);
  });
});
