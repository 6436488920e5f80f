import { expect } from "chai";
import { auditCampaign } from "../../src/campaign/audit.ts";
import { countKey } from "../../src/campaign/campaign-keys.ts";
import type { Store } from "../../src/store/store.ts";
import { CampaignScene } from "../support/campaign-scene.ts";
import { forEachEngine } from "../support/stores.ts";

describe("an audit", () => {
  forEachEngine((makeStore) => {
    let store: Store;

    beforeEach(async () => {
      store = await makeStore();
      const scene = new CampaignScene(store);
      await scene.seed(30, () => 8192);
      await scene.start("half", { settings: { window: 20 } });
      await scene.feeder().tick();
      await scene.migrate(5);
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
