import { expect } from "chai";
import {
  breakerCounts,
  countMended,
  finishedAndBad,
  moveCount,
  readCounts,
  type CampaignCounts,
} from "../../src/campaign/campaign-counts.ts";
import { MemoryStore } from "../support/memory-store.ts";

describe("a campaign's counts", () => {
  let store: MemoryStore;

  beforeEach(async () => {
    store = new MemoryStore();
    await store.transact(async (tx) => {
      await Promise.resolve();
      const ended = [
        ["migrated", "", 5],
        ["rejected", "chunk_missing", 10],
        ["rejected", "entry_corrupt", 30],
        ["failed", "worker_lost", 7],
        ["skipped", "no_v1_data", 0],
      ] as const;
      for (const [state, reason, bytes] of ended) {
        moveCount(tx, "c", bytes, { from: undefined, to: { state, reason } });
      }
    });
  });

  const counts = (): Promise<CampaignCounts> => store.transact(async (tx) => readCounts(tx, "c"));

  it("add up what ended in one state for several reasons, actors and bytes", async () => {
    const { done, byReason } = await counts();
    expect(done).to.deep.include({ rejected: { actors: 2, bytes: 40 }, failed: { actors: 1, bytes: 7 } });
    expect(byReason).to.deep.include({ state: "rejected", reason: "entry_corrupt", tally: { actors: 1, bytes: 30 } });
  });

  it("say how many are done with and how many of them jobs found bad, those mended since included", async () => {
    const expected = { finished: 5, bad: 3 };
    expect(finishedAndBad(await counts())).to.deep.equal(expected);
    expect(breakerCounts(await counts())).to.deep.equal({ finished: 4, bad: 3 });
    await store.transact(async (tx) => {
      await Promise.resolve();
      const from = { standing: "done", lane: 0, bytes: 10, feeds: 1, deferrals: 0, state: "rejected" } as const;
      countMended(tx, "c", from, { state: "skipped" });
      moveCount(tx, "c", 10, {
        from: { state: "rejected", reason: "chunk_missing" },
        to: { state: "skipped", reason: "waived" },
      });
    });
    expect(finishedAndBad(await counts())).to.deep.equal(expected);
    expect(breakerCounts(await counts())).to.deep.equal({ finished: 4, bad: 3 });
  });
});
