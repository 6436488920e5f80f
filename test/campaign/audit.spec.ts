import { expect } from "chai";
import { auditCampaign } from "../../src/campaign/audit.ts";
import { countKey } from "../../src/campaign/campaign-keys.ts";
import { createCampaign } from "../../src/campaign/campaign-store.ts";
import { applyVerb } from "../../src/campaign/campaign-verbs.ts";
import type { Store } from "../../src/store/store.ts";
import {
  actorIds,
  makeFeeder,
  MemoryQueue,
  MIGRATED,
  TEST_SPEC,
  TestClock,
  work,
  writeSizes,
} from "../support/campaign-fleet.ts";
import { forEachEngine } from "../support/stores.ts";

describe("an audit", () => {
  forEachEngine((makeStore) => {
    let store: Store;

    beforeEach(async () => {
      store = await makeStore();
      const [queue, clock] = [new MemoryQueue(), new TestClock()];
      await writeSizes(store, new Map(actorIds(30).map((id) => [id, 8192])));
      await createCampaign(
        store,
        { name: "half", spec: TEST_SPEC, settings: { window: 20 } },
        { who: "test" },
        clock.now(),
      );
      await applyVerb(store, "half", "start", { author: { who: "test" }, nowMs: clock.now() });
      await makeFeeder({ store, queue, clock }).tick();
      await work({ store, queue, clock }, () => MIGRATED, 5);
    });

    it("agrees in the middle of a campaign", async () => {
      expect(await auditCampaign(store, "half")).to.deep.equal({ actors: 30, moving: false, differences: [] });
    });

    it("finds a count that is off by one, and says which", async () => {
      await store.transact((tx) => {
        tx.add(countKey("half", "actors", "migrated", ""), 1n);
        return Promise.resolve();
      });
      const { differences, moving } = await auditCampaign(store, "half");
      expect(moving).to.equal(false);
      expect(differences).to.deep.equal([{ state: "migrated", reason: "", kind: "actors", kept: 6, counted: 5 }]);
    });
  });
});
