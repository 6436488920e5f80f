import { expect } from "chai";
import type { Campaign } from "../../../src/campaign/campaign.ts";
import { TurnQueue } from "../../../src/campaign/feeder/turn-queue.ts";
import { actorIds, MemoryQueue, TEST_SPEC } from "../../support/campaign-fleet.ts";

const CAMPAIGN: Campaign = {
  name: "turns",
  spec: { ...TEST_SPEC, source: { kind: "list" }, order: "scan" } as const,
  settings: { window: 100 },
  state: "running",
  stateSinceMs: 0,
  createdAtMs: 0,
  createdBy: "test",
  scanFinished: true,
  breakerBase: { finished: 0, bad: 0 },
};

describe("the queue with turns", () => {
  it("moves turns back once, also when actors are put on it from two sides at once", async () => {
    const rebased: number[] = [];
    class NearTheEnd extends MemoryQueue {
      override async turn(): Promise<number | undefined> {
        return rebased.length === 0 ? 2 ** 20 + 5 : super.turn();
      }
      override async rebaseTurns(by: number): Promise<void> {
        rebased.push(by);
        await super.rebaseTurns(by);
      }
    }
    const memory = new NearTheEnd();
    const queue = new TurnQueue(memory);
    const ids = actorIds(6);
    await Promise.all([queue.put(CAMPAIGN, ids.slice(0, 3), 0), queue.put(CAMPAIGN, ids.slice(3), 3)]);
    expect(rebased).to.deep.equal([2 ** 20 + 4]);
    expect([...memory.jobs.values()].map(({ turn }) => turn)).to.deep.equal([1, 2, 3, 4, 5, 6]);
  });

  it("takes the next actors after it failed to take some", async () => {
    let isAway = true;
    class Failing extends MemoryQueue {
      override turn(): Promise<number | undefined> {
        const answer = isAway ? Promise.reject(new Error("away")) : super.turn();
        isAway = false;
        return answer;
      }
    }
    const memory = new Failing();
    const queue = new TurnQueue(memory);
    const ids = actorIds(2);
    const [first, second] = await Promise.allSettled(ids.map(async (id) => queue.put(CAMPAIGN, [id], 0)));
    expect([first?.status, second?.status]).to.deep.equal(["rejected", "fulfilled"]);
    expect([...memory.jobs.keys()]).to.deep.equal([ids[1]]);
  });
});
