import { expect } from "chai";
import { applyVerb, changeSettings } from "../../../src/campaign/campaign-verbs.ts";
import { readWorkersRest } from "../../../src/campaign/fleet/fleet-rest.ts";
import { changeFleetLimits } from "../../../src/campaign/fleet/fleet-limits.ts";
import { actorIds, writeSizes } from "../../support/campaign-fleet.ts";
import { feedAll, OPERATOR, startCampaign } from "../../support/campaign-scene.ts";
import { MemoryStore } from "../../support/memory-store.ts";

describe("why workers rest", () => {
  it("is an operator's limits where there is something to feed, as long as they hold, and else a pause", async () => {
    const store = new MemoryStore();
    await writeSizes(store, new Map(actorIds(1).map((id) => [id, 4096])));
    await startCampaign(store, "c", { ids: actorIds(1) });
    expect(await readWorkersRest(store, 3)).to.equal("idle");
    await changeSettings(store, "c", { concurrentActors: 1, ratesUntilMs: 10 }, { author: OPERATOR, nowMs: 3 });
    expect([await readWorkersRest(store, 9), await readWorkersRest(store, 10)]).to.deep.equal([
      "throttled_operator",
      "idle",
    ]);
    await changeFleetLimits(store, { actorsPerSecond: 1 }, OPERATOR, 10);
    expect(await readWorkersRest(store, 10)).to.equal("throttled_operator");
    await applyVerb(store, "c", "pause", { author: OPERATOR, nowMs: 11 });
    expect(await readWorkersRest(store, 12)).to.equal("paused");
    await applyVerb(store, "c", "resume", { author: OPERATOR, nowMs: 13 });
    await feedAll(store, "c", 13);
    expect(await readWorkersRest(store, 13), "nothing waits to be fed").to.equal("idle");
  });
});
