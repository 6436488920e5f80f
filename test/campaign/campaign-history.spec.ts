import { expect } from "chai";
import { readCampaignHistory } from "../../src/campaign/campaign-history.ts";
import { changeSettings } from "../../src/campaign/campaign-verbs.ts";
import { changeFleetLimits } from "../../src/campaign/fleet/fleet-limits.ts";
import type { Store } from "../../src/store/store.ts";
import { startCampaign } from "../support/campaign-scene.ts";
import { FaultyStore, UNKNOWNS } from "../support/faulty-store.ts";
import { MemoryStore } from "../support/memory-store.ts";

const author = { who: "ada" };

/** Each gives one limit, then another, and last lifts it. */
const CHANGES: Readonly<Record<string, (store: Store, actorsPerSecond: number | undefined) => Promise<unknown>>> = {
  "a campaign's settings": (store, actorsPerSecond) =>
    changeSettings(store, "c", { actorsPerSecond }, { author, nowMs: 9 }),
  "the fleet's limits": (store, actorsPerSecond) =>
    changeFleetLimits(store, actorsPerSecond === undefined ? "clear" : { actorsPerSecond }, author, 9),
};

describe("a campaign's history", () => {
  for (const [what, change] of Object.entries(CHANGES)) {
    for (const fault of UNKNOWNS) {
      it(`tells once, and of both sides, of a change of ${what} whose commit was unknown (${fault})`, async () => {
        const store = new MemoryStore();
        await startCampaign(store, "c", {});
        const told: unknown[] = [];
        for (const limit of [7, undefined]) {
          const before = await readCampaignHistory(store, "c");
          await change(new FaultyStore(store, 1, fault), limit);
          const after = await readCampaignHistory(store, "c");
          const added = after.filter((entry) => !before.some((old) => JSON.stringify(old) === JSON.stringify(entry)));
          told.push(added.map((entry) => [rateOf(entry.before), rateOf(entry.after)]));
        }
        expect(told).to.deep.equal([[[undefined, 7]], [[7, undefined]]]);
      });
    }
  }
});

function rateOf(limits: unknown): unknown {
  return (limits as { actorsPerSecond?: number }).actorsPerSecond;
}
