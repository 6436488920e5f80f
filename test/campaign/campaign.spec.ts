import { expect } from "chai";
import { limitsInForce, type Campaign } from "../../src/campaign/campaign.ts";
import { campaignIn, NOW_MS } from "../support/campaign-facts.ts";

describe("limits in force", () => {
  const running = (settings: object): Campaign => campaignIn("running", { settings: { window: 10, ...settings } });

  it("are the campaign's own before the fleet's, and none where nobody set any", () => {
    const fleet = { concurrentActors: 2 };
    expect(limitsInForce(running({}), {}, NOW_MS)).to.equal(undefined);
    expect(limitsInForce(running({}), fleet, NOW_MS)).to.deep.equal({ of: "fleet", limits: fleet });
    for (const own of [{ actorsPerSecond: 1 }, { bytesPerSecond: 1 }, { concurrentActors: 1 }]) {
      const found = limitsInForce(running(own), fleet, NOW_MS);
      expect(found?.of).to.equal("campaign");
      expect(found?.limits).to.include(own);
    }
  });

  it("are no more the campaign's once those have ended by themselves", () => {
    const until = (ratesUntilMs: number): string | undefined =>
      limitsInForce(running({ actorsPerSecond: 1, ratesUntilMs }), {}, NOW_MS)?.of;
    expect([until(NOW_MS + 1), until(NOW_MS)]).to.deep.equal(["campaign", undefined]);
  });
});
