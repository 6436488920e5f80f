import { expect } from "chai";
import { returnActors } from "../../../src/campaign/feeder/feed.ts";
import type { Verdict } from "../../../src/migration/outcome.ts";
import { CampaignScene, feedAll } from "../../support/campaign-scene.ts";
import { forEachEngine } from "../../support/stores.ts";

const AWAKE: Verdict = { state: "deferred", reason: "actor_awake", detail: "It runs." };

describe("what is taken from a campaign's lists", () => {
  forEachEngine((makeStore) => {
    let scene: CampaignScene;

    beforeEach(async () => {
      scene = new CampaignScene(await makeStore());
      await scene.start("one", { ids: await scene.seed(10), settings: { window: 2 } });
    });

    it("is nothing of a campaign that was paused since the feeder looked", async () => {
      await scene.apply("one", "pause");
      expect(await feedAll(scene.store, "one", scene.clock.now())).to.deep.equal([]);
      expect((await scene.counts("one")).todo.actors).to.equal(10);
    });

    it("is as much as was asked for, those that are due again first", async () => {
      await scene.feeder().tick();
      const due = [...scene.queue.jobs.values()].map(({ actorId }) => actorId);
      await scene.work(() => AWAKE);
      scene.clock.nowMs += 24 * 3_600_000;
      const fed = (await feedAll(scene.store, "one", scene.clock.now(), 3)).map(({ id }) => id);
      expect(fed).to.have.length(3);
      expect(fed.slice(0, 2)).to.have.members(due);
      expect(await scene.differences("one")).to.deep.equal([]);
    });

    it("goes back as far as it is under way still: what was done meanwhile is done", async () => {
      await scene.feeder().tick();
      const ids = [...scene.queue.jobs.keys()];
      await scene.migrate(1);
      await returnActors(scene.store, "one", ids, scene.clock.now());
      const { todo, open, done } = await scene.counts("one");
      expect([todo.actors, open.actors, done.migrated.actors]).to.deep.equal([9, 0, 1]);
      expect(await scene.differences("one")).to.deep.equal([]);
    });
  });
});
