import { expect } from "chai";
import { LAYOUTS } from "../../src/migration/outcome.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { attempt, STAGED, TestClock, withoutLedger } from "../support/reference-attempt.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { expectedOfV1, firstDifference, leaseRows, readMigrated } from "../support/reference.ts";
import { forEachSeed, SEED, seedCount, Tally } from "../support/run-options.ts";
import { testActor } from "../support/v1-actors.ts";
import { damagedActor } from "../support/v1-damage.ts";

/*
 * Whole v1 actors with damaged rows. The reference says what each is: an image or one of these reasons. Ferry says the same, and writes
 * the image or nothing.
 */

const ACTOR = testActor(71);

async function runSeed(seed: number): Promise<string> {
  const random = new SeededRandom(seed);
  const { rows, accidents } = damagedActor(ACTOR, random);
  const store = new MemoryStore({ batchRows: 1 + random.below(5) });
  store.load(rows);
  const before = store.dump();
  const expected = expectedOfV1(ACTOR, before);
  const layout = random.pick(LAYOUTS);
  const options = random.chance(0.5) ? STAGED : {};
  const where = `${accidents}; expected ${expected.kind}`;
  const outcome = await attempt(store, ACTOR, new TestClock(), { layout, ...options }).catch((cause: unknown) => {
    throw new Error(where, { cause });
  });
  const after = store.dump();
  expect(store.openTransactions, where).to.equal(0);
  expect(leaseRows(after), where).to.deep.equal([]);
  switch (expected.kind) {
    case "image":
      expect(outcome.state, `${where}: ${outcome.reason ?? ""} ${outcome.detail ?? ""}`).to.equal("migrated");
      expect(firstDifference(readMigrated(ACTOR, after, layout).image, expected.image), where).to.equal(undefined);
      break;
    case "rejected":
      expect(outcome.state, `${where} ${expected.reasons.join()}`).to.equal("rejected");
      expect(expected.reasons, where).to.include(outcome.reason);
      expect(withoutLedger(after), where).to.deep.equal(withoutLedger(before));
      break;
    case "none":
      expect(outcome.reason, where).to.equal("no_v1_data");
      expect(withoutLedger(after), where).to.deep.equal(withoutLedger(before));
      break;
  }
  return outcome.reason ?? outcome.state;
}

describe("a v1 actor with damaged rows", () => {
  const seeds = seedCount({ short: 600, long: 20_000 });

  it(`is rejected for what is wrong, or its image is right (${seeds} seeds from ${SEED})`, async function () {
    this.timeout(60_000 + seeds * 2_000);
    const seen = new Tally();
    await forEachSeed("test/migration/fuzz.spec.ts", seeds, async (seed) => {
      seen.add(await runSeed(seed));
    });
    if (seeds >= 600) {
      for (const ending of ["migrated", "entry_corrupt", "chunk_missing", "magic_mismatch", "meta_invalid"]) {
        expect(seen.of(ending), `${ending} of ${seen.toString()}`).to.be.above(0);
      }
    }
  });
});
