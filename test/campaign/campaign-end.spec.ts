import { expect } from "chai";
import { applyVerdict, breakerVerdict } from "../../src/campaign/campaign-end.ts";
import { campaignIn, countsOf } from "../support/campaign-facts.ts";
import { actorIds, campaignOf, writeSizes } from "../support/campaign-fleet.ts";
import { feedAll, startCampaign } from "../support/campaign-scene.ts";
import { MemoryStore } from "../support/memory-store.ts";

describe("the circuit breaker", () => {
  const reason = (actors: Parameters<typeof countsOf>[0], breakerBase = { finished: 0, bad: 0 }): string | undefined =>
    breakerVerdict(campaignIn("running", { breakerBase }), countsOf(actors))?.reason;

  it("judges those that were tried: skipped ones and those given up as deferred say nothing of how it goes", () => {
    expect(reason({ skipped: 16_527, failed: 2_969 })).to.contain(
      "2969 of 2969 finished actors were rejected or failed",
    );
    expect(reason({ deferred: 900, rejected: 26, migrated: 25 })).to.contain("26 of 51");
    expect(reason({ skipped: 10_000, rejected: 32 })).to.equal(undefined);
    expect(reason({ skipped: 10_000, rejected: 50, migrated: 50 })).to.equal(undefined);
  });

  it("starts anew from where it was reset", () => {
    const base = { finished: 60, bad: 60 };
    expect(reason({ skipped: 500, rejected: 60, migrated: 60 }, base)).to.equal(undefined);
    expect(reason({ skipped: 500, rejected: 110, migrated: 9 }, base)).to.contain("50 of 59");
  });
});

describe("the end of a campaign", () => {
  it("does not come over actors that were given back or fed since it was found", async () => {
    const store = new MemoryStore();
    await writeSizes(store, new Map(actorIds(1).map((id) => [id, 4096])));
    await startCampaign(store, "c", { ids: actorIds(1) });
    const campaign = await campaignOf(store, "c");
    const verdict = { from: "running", to: "completed", what: "completed" } as const;
    expect(await applyVerdict(store, campaign, verdict, { nowMs: 2 }), "it waits").to.equal(undefined);
    await feedAll(store, "c", 2);
    expect(await applyVerdict(store, campaign, verdict, { nowMs: 2 }), "it is under way").to.equal(undefined);
    expect((await campaignOf(store, "c")).state).to.equal("running");
  });
});
