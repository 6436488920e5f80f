import { expect } from "chai";
import { FaultyStore } from "../support/faulty-store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import {
  attempt,
  dumpRows,
  endingOf,
  forEachStore,
  loadRows,
  STAGED,
  TestClock,
  withoutLedger,
} from "../support/reference-attempt.ts";
import { firstDifference, leaseRows, readV2, v2RowsOf } from "../support/reference.ts";
import { bytesOf, lifeRow, startsWith, syntheticImage, testActor, v1Rows } from "../support/v1-actors.ts";

const actor = testActor(31);
const PAGES = 2500;
const PROGRESS = bytesOf(2, "ferry", 0, 2, "stage", 0);
const stages = (store: FaultyStore): number => store.commits.filter((label) => label === "stage").length;

describe("an attempt that follows a crashed one", () => {
  forEachStore((makeStore) => {
    it("goes on after the last shards that committed, and the image is right", async () => {
      const store = await makeStore();
      const image = syntheticImage(PAGES, "random");
      await loadRows(store, v1Rows(actor, image));
      const clock = new TestClock();
      const whole = new FaultyStore(store);
      const all = await makeReference(image);
      const first = new FaultyStore(store, 1 + Math.floor(all / 2), "cut_after");
      await endingOf(attempt(first, actor, clock, { layout: "shards", ...STAGED }));
      clock.advance(61_000);
      const outcome = await attempt(whole, actor, clock, { layout: "shards", ...STAGED });
      expect(outcome.state).to.equal("migrated");
      expect(stages(whole)).to.be.lessThan(all).and.greaterThan(0);
      const rows = await dumpRows(store);
      expect(firstDifference(readV2(actor, rows).image, image)).to.equal(undefined);
      expect(leaseRows(rows)).to.deep.equal([]);
      expect(withoutLedger(rows)).to.have.length(v1Rows(actor, image).length + v2RowsOf(actor, rows).length);
    });

    it("starts again when the actor slept anew, and never mixes two images", async () => {
      const store = await makeStore();
      const before = syntheticImage(PAGES, "random", 1);
      const after = syntheticImage(PAGES, "random", 2);
      await loadRows(store, [...v1Rows(actor, before), lifeRow(actor, "SLEEP_TS", 1n)]);
      const clock = new TestClock();
      await endingOf(attempt(new FaultyStore(store, 3, "cut_after"), actor, clock, { layout: "shards", ...STAGED }));
      await loadRows(store, [...v1Rows(actor, after), lifeRow(actor, "SLEEP_TS", 2n)]);
      clock.advance(61_000);
      const outcome = await attempt(store, actor, clock, { layout: "shards", ...STAGED });
      expect(outcome.state).to.equal("migrated");
      expect(firstDifference(readV2(actor, await dumpRows(store)).image, after)).to.equal(undefined);
    });

    it("stages those pages again of which it cannot read that they are staged", async () => {
      const store = await makeStore();
      const image = syntheticImage(PAGES, "random");
      await loadRows(store, v1Rows(actor, image));
      const clock = new TestClock();
      await endingOf(attempt(new FaultyStore(store, 4, "cut_after"), actor, clock, { layout: "shards", ...STAGED }));
      const progress = (await dumpRows(store)).filter(({ key }) => startsWith(key, PROGRESS));
      expect(progress.length).to.be.above(1);
      await loadRows(
        store,
        progress.slice(1).map(({ key, value }) => ({ key, value: value.slice(0, 3) })),
      );
      clock.advance(61_000);
      const outcome = await attempt(store, actor, clock, { layout: "shards", ...STAGED });
      expect(outcome.state).to.equal("migrated");
      const rows = await dumpRows(store);
      expect(firstDifference(readV2(actor, rows).image, image)).to.equal(undefined);
      expect(rows.filter(({ key }) => startsWith(key, PROGRESS))).to.deep.equal([]);
    });

    it("starts again for the other layout", async () => {
      const store = await makeStore();
      const image = syntheticImage(PAGES, "random");
      await loadRows(store, v1Rows(actor, image));
      const clock = new TestClock();
      await endingOf(attempt(new FaultyStore(store, 3, "cut_after"), actor, clock, { layout: "shards", ...STAGED }));
      clock.advance(61_000);
      await attempt(store, actor, clock, { layout: "delta", ...STAGED });
      const rows = await dumpRows(store);
      expect(readV2(actor, rows).head.materializedTxid, "as delta leaves it").to.equal(0n);
      expect(firstDifference(readV2(actor, rows).image, image)).to.equal(undefined);
    });

    /** Stage transactions that an undisturbed attempt makes. */
    async function makeReference(image: Uint8Array): Promise<number> {
      const other = testActor(32);
      const store = new MemoryStore();
      await loadRows(store, v1Rows(other, image));
      const counting = new FaultyStore(store);
      await attempt(counting, other, new TestClock(), { layout: "shards", ...STAGED });
      return stages(counting);
    }
  });
});
