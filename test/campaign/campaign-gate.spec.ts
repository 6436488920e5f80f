import { expect } from "chai";
import { CampaignGate } from "../../src/campaign/campaign-gate.ts";
import { applyVerb } from "../../src/campaign/campaign-verbs.ts";
import { OPERATOR, startCampaign } from "../support/campaign-scene.ts";
import { TestClock } from "../support/campaign-fleet.ts";
import { MemoryStore } from "../support/memory-store.ts";

describe("the gate of a campaign's jobs", () => {
  it("knows of a pause within a second, and asks the store no more often than that", async () => {
    let reads = 0;
    const clock = new TestClock();
    const store = new MemoryStore({
      observer: ({ result }) => {
        reads += result === "read_only" ? 1 : 0;
      },
    });
    await startCampaign(store, "c");
    const gate = new CampaignGate(store, clock.now);
    const before = reads;
    expect(await gate.isRunning("c")).to.equal(true);
    await applyVerb(store, "c", "pause", { author: OPERATOR, nowMs: clock.now() });
    clock.nowMs += 999;
    expect(await gate.isRunning("c")).to.equal(true);
    expect(reads - before).to.equal(1);
    clock.nowMs += 1;
    expect(await gate.isRunning("c")).to.equal(false);
  });

  it("asks again at once where the store did not answer", async () => {
    let isAway = true;
    const store = new MemoryStore({ gate: () => (isAway ? Promise.reject(new Error("away")) : Promise.resolve()) });
    const gate = new CampaignGate(store, new TestClock().now);
    expect(await gate.isRunning("c").catch(String)).to.equal("Error: away");
    isAway = false;
    expect(await gate.isRunning("c")).to.equal(false);
  });
});
