import { expect } from "chai";
import { type Campaign } from "../../src/campaign/campaign.ts";
import { limitsInForce } from "../../src/campaign/limits.ts";
import { campaignIn, NOW_MS } from "../support/campaign-facts.ts";

describe("limits in force", () => {
  const running = (settings: object): Campaign => campaignIn("running", { settings: { window: 10, ...settings } });
  const whose = (settings: object, fleet: object): string[] =>
    limitsInForce(running(settings), fleet, NOW_MS).map(({ of }) => of);

  it("are the campaign's own and the fleet's, and none where nobody set any", () => {
    const fleet = { concurrentActors: 2 };
    expect(whose({}, {})).to.deep.equal([]);
    expect(limitsInForce(running({}), fleet, NOW_MS)).to.deep.equal([{ of: "fleet", limits: fleet }]);
    for (const own of [{ actorsPerSecond: 1 }, { bytesPerSecond: 1 }, { concurrentActors: 1 }]) {
      expect(whose(own, {})).to.deep.equal(["campaign"]);
      expect(whose(own, fleet)).to.deep.equal(["campaign", "fleet"]);
    }
  });

  it("are no more the campaign's once those have ended by themselves", () => {
    const until = (ratesUntilMs: number): string[] => whose({ actorsPerSecond: 1, ratesUntilMs }, {});
    expect([until(NOW_MS + 1), until(NOW_MS)]).to.deep.equal([["campaign"], []]);
  });
});
