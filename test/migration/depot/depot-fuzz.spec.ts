import { expect } from "chai";
import { attempt, World } from "../../support/depot-attempt.ts";
import { branchesWithRows, pointerOf } from "../../support/depot-reference.ts";
import { NOW_MS } from "../../support/depot-world.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { withoutLedger } from "../../support/reference-attempt.ts";
import { SeededRandom } from "../../support/reference-random.ts";
import { expectedOfV1, firstDifference, leaseRows, type Expectation } from "../../support/reference.ts";
import { forEachSeed, SEED, seedCount, Tally } from "../../support/run-options.ts";
import { kvSubspace, PAGE, startsWith, type Row } from "../../support/v1-actors.ts";
import { damagedActor } from "../../support/v1-damage.ts";
import { assertReadable, freshWorld, type Prepared } from "./prepared.ts";

/* As fuzz.spec.ts, on Depot, which asks more of a header: its page count, and a rollback journal. */

let base: Prepared & { store: MemoryStore };

/** What a reader of Depot can open in the time of one transaction. */
const MAX_BYTES = 1024 ** 3;

function expectedOnDepot(rows: readonly Row[]): Expectation {
  const expected = expectedOfV1(base.actor, rows);
  const limited = expectedOfV1(base.actor, rows, { maxImageBytes: MAX_BYTES });
  if (expected.kind === "rejected" && limited.kind === "rejected" && limited.reasons.includes("too_large")) {
    // Which of the two is said depends on whether the few rows that are there make a small actor.
    return { kind: "rejected", reasons: [...expected.reasons, "too_many_pages"] };
  }
  if (expected.kind !== "image" || expected.image.length === 0) {
    return expected;
  }
  const header = Buffer.from(expected.image.buffer, 0, 100);
  const reasons = [
    ...(header.readUInt32BE(28) === expected.image.length / PAGE ? [] : ["header_page_count_mismatch"]),
    ...(header[18] === 1 && header[19] === 1 ? [] : ["journal_mode_unsupported"]),
  ];
  return reasons.length === 0 ? expected : { kind: "rejected", reasons };
}

async function runSeed(seed: number): Promise<string> {
  const random = new SeededRandom(seed);
  const { actor } = base;
  const { rows, accidents } = damagedActor(actor, random);
  const store = new MemoryStore({ from: base.store, batchRows: 1 + random.below(5) });
  store.load(rows);
  const before = store.dump();
  const expected = expectedOnDepot(before);
  const where = `${accidents}; expected ${expected.kind}`;
  const world = new World();
  world.nowMs = NOW_MS + 3_600_000;
  const migration = random.chance(0.5) ? { smallImageBytes: -1 } : {};
  const outcome = await attempt(store, world, actor, { migration }).catch((cause: unknown) => {
    throw new Error(where, { cause });
  });
  const after = store.dump();
  expect(store.openTransactions, where).to.equal(0);
  expect(leaseRows(after), where).to.deep.equal([]);
  const v1 = kvSubspace(actor);
  expect(withoutLedger(after.filter(({ key }) => startsWith(key, v1)))).to.deep.equal(
    withoutLedger(before.filter(({ key }) => startsWith(key, v1))),
  );
  if (expected.kind === "image") {
    expect(outcome.state, `${where}: ${outcome.reason ?? ""} ${outcome.detail ?? ""}`).to.equal("migrated");
    expect(firstDifference(assertReadable(after, actor).image, expected.image), where).to.equal(undefined);
    return outcome.state;
  }
  expect(pointerOf(after, actor), where).to.equal(undefined);
  expect(branchesWithRows(after), where).to.deep.equal([]);
  const reasons = expected.kind === "none" ? ["no_v1_data"] : expected.reasons;
  expect(outcome.state, `${where} ${reasons.join()}`).to.equal(expected.kind === "none" ? "skipped" : "rejected");
  expect(reasons, where).to.include(outcome.reason);
  return outcome.reason ?? outcome.state;
}

describe("a v1 actor with damaged rows, on its way to Depot", () => {
  const seeds = seedCount({ short: 400, long: 10_000 });

  before(async () => {
    const store = new MemoryStore();
    base = { ...(await freshWorld(store)), store };
  });

  it(`is rejected for what is wrong, or its database is right (${seeds} seeds from ${SEED})`, async function () {
    this.timeout(60_000 + seeds * 2_000);
    const seen = new Tally();
    await forEachSeed("test/migration/depot/depot-fuzz.spec.ts", seeds, async (seed) => {
      seen.add(await runSeed(seed));
    });
    if (seeds >= 400) {
      for (const ending of ["migrated", "entry_corrupt", "chunk_missing", "meta_invalid"]) {
        expect(seen.of(ending), `${ending} of ${seen.toString()}`).to.be.above(0);
      }
    }
    if (seeds >= 3_000) {
      for (const ending of ["header_page_count_mismatch", "journal_mode_unsupported"]) {
        expect(seen.of(ending), `${ending} of ${seen.toString()}`).to.be.above(0);
      }
    }
  });
});
