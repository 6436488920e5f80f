import { expect } from "chai";
import { LAYOUTS, type Layout } from "../../src/migration/outcome.ts";
import { CUTS, FaultyStore, UNKNOWNS } from "../support/faulty-store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import {
  attempt,
  describeEnding,
  endingOf,
  STAGED,
  steppedTarget,
  TestClock,
  type AttemptOptions,
} from "../support/reference-attempt.ts";
import { ReferenceEngine } from "../support/reference-engine.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { Scheduler } from "../support/reference-scheduler.ts";
import { firstDifference, leaseRows, readV2, v2RowsOf } from "../support/reference.ts";
import { forEachSeed, SEED, seedCount, Tally } from "../support/run-options.ts";
import { lifeRow, PAGE, syntheticImage, testActor, v1Rows } from "../support/v1-actors.ts";

/*
 * Two or three attempts on one actor, the actor's own life, and time that jumps, every transaction's snapshot and commit in an order
 * that a seed decides. Whatever the order: never a wrong image, and one right image when everything has come to rest.
 */

const PAGES = 280;
const IMAGE = syntheticImage(PAGES, "text", 9);
const ACTOR = testActor(51);
const SLEEPING = new MemoryStore();
SLEEPING.load([...v1Rows(ACTOR, IMAGE), lifeRow(ACTOR, "SLEEP_TS", 5n)]);
const STAYED_UNTOUCHED = new MemoryStore();
STAYED_UNTOUCHED.load(v1Rows(ACTOR, IMAGE));

/** How attempts may end, none of which is a judgement of the data, which is right at all times. */
const ENDINGS = new Set([
  "migrated",
  "skipped already_migrated",
  "deferred actor_awake",
  "deferred migration_in_progress",
  "lease_lost",
  "meta_changed",
  "stage_gone",
  "Error: the process is dead",
]);

/** What the actor has in v1, and what may be held against it. */
class World {
  readonly store: MemoryStore;
  readonly clock = new TestClock();
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly engine: ReferenceEngine;
  image = Uint8Array.from(IMAGE);
  endings: string[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.scheduler = new Scheduler(this.random);
    const from = this.random.chance(0.7) ? SLEEPING : STAYED_UNTOUCHED;
    this.store = new MemoryStore({ from, gate: this.scheduler.gate });
    this.engine = new ReferenceEngine(this.store, ACTOR, this.clock.now);
  }

  /** One attempt, which may be killed or told nothing of a commit's result. */
  async ferry(): Promise<void> {
    const { random } = this;
    const fault = random.chance(0.4) ? random.pick([...CUTS, ...UNKNOWNS]) : undefined;
    const store = fault === undefined ? this.store : new FaultyStore(this.store, 1 + random.below(8), fault);
    this.endings.push(describeEnding(await endingOf(attempt(store, ACTOR, this.clock, this.#options()))));
    this.expectNothingWrong();
  }

  /** The actor's life: it wakes, perhaps under an engine that migrates, writes where it may, and sleeps. */
  async live(): Promise<void> {
    for (let days = this.random.below(3); days > 0; days -= 1) {
      await this.engine.wake();
      if (this.random.chance(0.4)) {
        await this.engine.migrate();
      }
      for (let writes = this.random.below(4); writes > 0 && !(await this.engine.isOnV2()); writes -= 1) {
        const index = 1 + this.random.below(PAGES - 1);
        const page = new Uint8Array(PAGE).fill(this.random.below(256));
        await this.engine.writeV1Page(index, page);
        this.image.set(page, index * PAGE);
      }
      await this.engine.sleep();
    }
  }

  /** Time, in which leases expire. */
  async pass(): Promise<void> {
    for (let jumps = this.random.below(4); jumps > 0; jumps -= 1) {
      await this.scheduler.step("time");
      this.clock.advance(this.random.pick([1_000, 25_000, 61_000]));
    }
  }

  expectNothingWrong(): void {
    const rows = v2RowsOf(ACTOR, this.store.dump());
    const meta = rows.find(({ key }) => key.length === 19 + 31 + 5 && key[19] === 2);
    if (meta !== undefined && meta.value.at(-1) !== 2) {
      expect(firstDifference(readV2(ACTOR, rows).image, this.image), "a wrong image").to.equal(undefined);
    }
  }

  /** When all is quiet, one more attempt. */
  async settle(): Promise<void> {
    this.clock.advance(120_000);
    const store = new MemoryStore({ from: this.store });
    const last = await attempt(store, ACTOR, this.clock, this.#options());
    expect(last.state).to.be.oneOf(["migrated", "skipped"]);
    const rows = store.dump();
    expect(firstDifference(readV2(ACTOR, rows).image, this.image), "a wrong image in the end").to.equal(undefined);
    expect(leaseRows(rows), "a lease in the end").to.deep.equal([]);
    expect(this.store.openTransactions, "transactions that outlive their attempts").to.equal(0);
    for (const ending of this.endings) {
      expect(ENDINGS, "an unexpected ending").to.include(ending);
    }
  }

  #options(): AttemptOptions {
    const layout: Layout = this.random.pick(LAYOUTS);
    const verify = this.random.chance(0.8);
    return this.random.chance(0.8)
      ? { layout, verify, ...STAGED, context: { target: steppedTarget(100) } }
      : { layout, verify, smallImageBytes: 2 * 1024 * 1024 };
  }
}

async function runSeed(seed: number): Promise<string[]> {
  const world = new World(seed);
  const attempts = Array.from({ length: 2 + (seed % 2) }, async () => world.ferry());
  try {
    await world.scheduler.run([...attempts, world.live(), world.pass()]);
    await world.settle();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const trace = world.scheduler.trace.join(" ");
    throw new Error(`${why}; endings ${world.endings.join(", ")}; ${trace}`, { cause });
  }
  return world.endings;
}

describe("attempts, the actor's life and time in any order", () => {
  const seeds = seedCount({ short: 100, long: 3_000 });

  it(`end in exactly one right image (${seeds} seeds from ${SEED})`, async function () {
    this.timeout(60_000 + seeds * 2_000);
    const seen = new Tally();
    await forEachSeed("test/migration/interleavings.spec.ts", seeds, async (seed) => {
      (await runSeed(seed)).forEach((ending) => {
        seen.add(ending);
      });
    });
    if (seeds < 100) {
      return;
    }
    // A schedule in which nothing ever collides proves nothing.
    for (const ending of ["migrated", "deferred actor_awake", "deferred migration_in_progress"]) {
      expect(seen.of(ending), `${ending} of ${seen.toString()}`).to.be.above(seeds / 50);
    }
    expect(seen.of("lease_lost", "meta_changed", "stage_gone"), seen.toString()).to.be.above(0);
  });

  it("come out the same for the same seed", async () => {
    expect(await runSeed(7)).to.deep.equal(await runSeed(7));
  });
});
