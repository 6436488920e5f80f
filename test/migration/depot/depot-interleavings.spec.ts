import { expect } from "chai";
import { attempt, World } from "../../support/depot-attempt.ts";
import { DepotEngine } from "../../support/depot-engine.ts";
import { branchesWithRows, pointerOf, readEngineImage } from "../../support/depot-reference.ts";
import { ENGINE_BRANCH } from "../../support/depot-world.ts";
import { CUTS, FaultyStore, UNKNOWNS } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { describeEnding, endingOf } from "../../support/reference-attempt.ts";
import { SeededRandom } from "../../support/reference-random.ts";
import { Scheduler } from "../../support/reference-scheduler.ts";
import { firstDifference, leaseRows } from "../../support/reference.ts";
import { forEachSeed, LONG, SEED, seedCount, Tally } from "../../support/run-options.ts";
import { PAGE, syntheticImage, type TestActor } from "../../support/v1-actors.ts";
import { assertReadable, freshWorld } from "./prepared.ts";

/*
 * As interleavings.spec.ts, on Depot: the engine also makes the bucket, takes the actor over, and migrates it itself where it is small
 * enough for that. Whatever the order: never a wrong image, never two databases, and no branch that nobody points to in the end.
 */

/** What the engine could migrate itself, and what it could not. */
const SIZES = [66, 330] as const;

const ENDINGS = new Set([
  "migrated",
  "skipped already_migrated",
  "deferred actor_awake",
  "deferred migration_in_progress",
  "deferred engine_took_over",
  "lease_lost",
  "stage_gone",
  "Error: the process is dead",
]);

/** A store with one sleeping actor of this size, in a pool that Ferry knows. */
interface Base {
  readonly store: MemoryStore;
  readonly actor: TestActor;
  readonly image: Uint8Array;
  readonly nowMs: number;
}

const bases: Base[] = [];

async function prepareBase(pages: number): Promise<Base> {
  const store = new MemoryStore();
  const { world, actor, putV1 } = await freshWorld(store);
  const image = syntheticImage(pages, "random", pages);
  await putV1(image);
  return { store, actor, image, nowMs: world.nowMs };
}

class Life {
  readonly store: MemoryStore;
  readonly world = new World();
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly engine: DepotEngine;
  readonly actor: TestActor;
  readonly image: Uint8Array;
  endings: string[] = [];
  #takenOver = false;
  #import: "none" | "begun" | "ended" = "none";

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.scheduler = new Scheduler(this.random);
    const base = this.random.pick(bases);
    this.actor = base.actor;
    this.image = Uint8Array.from(base.image);
    this.world.nowMs = base.nowMs;
    this.store = new MemoryStore({ from: base.store, gate: this.scheduler.gate });
    // No two sleeps begin in the same millisecond.
    this.engine = new DepotEngine(this.store, this.actor, () => (this.world.nowMs += 1));
  }

  /** One attempt, which may be killed or told nothing of a commit's result. */
  async ferry(): Promise<void> {
    const { random } = this;
    const fault = random.chance(0.4) ? random.pick([...CUTS, ...UNKNOWNS]) : undefined;
    const store = fault === undefined ? this.store : new FaultyStore(this.store, 1 + random.below(6), fault);
    this.endings.push(describeEnding(await endingOf(attempt(store, this.world, this.actor, this.#options()))));
    // In the midst of an import the image is no image yet.
    if (this.#import !== "begun") {
      this.#ownerOfRightImage();
    }
  }

  /** Days on runners of v1's, on which the actor writes; the bucket made meanwhile, the actor taken over at the end of them. */
  async live(): Promise<void> {
    for (let days = this.random.below(3); days > 0; days -= 1) {
      if (this.random.chance(0.2)) {
        await this.engine.createBucket();
      }
      if (!(await this.engine.wake())) {
        break;
      }
      for (let writes = this.random.below(4); writes > 0; writes -= 1) {
        const index = 1 + this.random.below(this.image.length / PAGE - 1);
        const page = new Uint8Array(PAGE).fill(this.random.below(256));
        await this.engine.writeV1Page(index, page);
        this.image.set(page, index * PAGE);
      }
      await this.engine.sleep();
    }
    if (this.random.chance(0.3)) {
      await this.engine.takeOver();
      this.#takenOver = true;
      if (this.random.chance(0.7)) {
        await (this.random.chance(0.5) ? this.engine.migrate() : this.#importV1());
      }
    }
  }

  /** What a newer engine does instead. */
  async #importV1(): Promise<void> {
    for await (const step of this.engine.importV1()) {
      this.#import = step === "marked" ? "begun" : this.#import;
    }
    this.#import = this.#import === "begun" ? "ended" : "none";
  }

  /** Time, in which leases expire. */
  async pass(): Promise<void> {
    for (let jumps = this.random.below(4); jumps > 0; jumps -= 1) {
      await this.scheduler.step("time");
      this.world.nowMs += this.random.pick([1_000, 25_000, 61_000]);
    }
  }

  /** When all is quiet, one more attempt. */
  async settle(): Promise<void> {
    this.world.nowMs += 120_000;
    const store = new MemoryStore({ from: this.store });
    const last = describeEnding(await endingOf(attempt(store, this.world, this.actor, this.#options())));
    const owner = this.#ownerOfRightImage(store);
    const rows = store.dump();
    if (this.#takenOver && this.image.length <= 320 * PAGE && owner === "nobody") {
      expect(last).to.equal("deferred engine_took_over");
      expect(branchesWithRows(rows), "a branch that nobody points to").to.deep.equal([]);
    } else {
      expect(owner, last).to.not.equal("nobody");
      expect(last).to.equal(owner === "ferry" ? "migrated" : "skipped already_migrated");
    }
    if (owner === "ferry") {
      // What a newer engine's import leaves of Ferry's database is right, but no longer as Ferry wrote it.
      if (this.#import !== "ended") {
        assertReadable(rows, this.actor);
      }
    } else if (owner === "engine") {
      expect(branchesWithRows(rows)).to.deep.equal([Buffer.from(ENGINE_BRANCH).toString("hex")]);
    }
    expect(leaseRows(rows), "a lease in the end").to.deep.equal([]);
    expect(this.store.openTransactions, "transactions that outlive their attempts").to.equal(0);
    for (const ending of this.endings) {
      expect(ENDINGS, "an unexpected ending").to.include(ending);
    }
  }

  /** Whose database the actor has; whoever's it is, it is what v1 holds. */
  #ownerOfRightImage(store = this.store): "ferry" | "engine" | "nobody" {
    const rows = store.dump();
    const pointer = pointerOf(rows, this.actor);
    if (pointer === undefined) {
      return "nobody";
    }
    const branch = pointer.subarray(3, 19);
    const found = readEngineImage(rows, branch);
    expect(firstDifference(found, this.image), "a wrong image").to.equal(undefined);
    return branch.equals(ENGINE_BRANCH) ? "engine" : "ferry";
  }

  #options(): Parameters<typeof attempt>[3] {
    return {
      migration: { verify: this.random.chance(0.8), smallImageBytes: this.random.chance(0.7) ? -1 : 4_000_000 },
    };
  }
}

async function runSeed(seed: number): Promise<string[]> {
  const life = new Life(seed);
  const attempts = Array.from({ length: 2 + (seed % 2) }, async () => life.ferry());
  try {
    await life.scheduler.run([...attempts, life.live(), life.pass()]);
    await life.settle();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${why}; endings ${life.endings.join(", ")}; ${life.scheduler.trace.join(" ")}`, { cause });
  }
  return life.endings;
}

describe("attempts on Depot, the actor's life, the engine and time in any order", () => {
  const seeds = seedCount({ short: 40, long: 1_000 });

  before(async () => {
    bases.push(...(await Promise.all(SIZES.map(prepareBase))));
  });

  it(`end in exactly one right database (${seeds} seeds from ${SEED})`, async function () {
    this.timeout(60_000 + seeds * 2_000);
    const seen = new Tally();
    await forEachSeed("test/migration/depot/depot-interleavings.spec.ts", seeds, async (seed) => {
      (await runSeed(seed)).forEach((ending) => {
        seen.add(ending);
      });
    });
    if (seeds < 40) {
      return;
    }
    for (const ending of ["migrated", "deferred actor_awake", "deferred migration_in_progress"]) {
      expect(seen.of(ending), `${ending} of ${seen.toString()}`).to.be.above(seeds / 50);
    }
    if (LONG) {
      expect(seen.of("deferred engine_took_over"), seen.toString()).to.be.above(0);
      expect(seen.of("lease_lost", "stage_gone"), seen.toString()).to.be.above(0);
    }
  });

  it("come out the same for the same seed", async () => {
    expect(await runSeed(7)).to.deep.equal(await runSeed(7));
  });
});
