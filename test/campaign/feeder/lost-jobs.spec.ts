import { expect } from "chai";
import { lostJobs } from "../../../src/campaign/feeder/lost-jobs.ts";
import type { ActorId } from "../../../src/formats/actor-id.ts";
import { MemoryQueue, MIGRATED, recordVerdict } from "../../support/campaign-fleet.ts";
import { CampaignScene } from "../../support/campaign-scene.ts";
import { forEachEngine } from "../../support/stores.ts";

describe("lost jobs", () => {
  forEachEngine((makeStore) => {
    let scene: CampaignScene;
    let fed: ActorId[];

    /** Three actors under way, the jobs of two of which are gone. */
    beforeEach(async () => {
      scene = new CampaignScene(await makeStore());
      await scene.start("one", { ids: await scene.seed(3) });
      await scene.feeder().tick();
      fed = [...scene.queue.jobs.keys()];
      fed.slice(0, 2).forEach((id) => scene.queue.jobs.delete(id));
    });

    const lostOf = async (queue = scene.queue): Promise<ActorId[]> => {
      const lost: ActorId[] = [];
      for await (const page of lostJobs(scene.store, queue, "one", scene.clock.now)) {
        lost.push(...page);
      }
      return lost;
    };

    it("are those of actors that were fed some seconds ago: others may be on the way to the queue", async () => {
      scene.clock.nowMs += 4_000;
      expect(await lostOf()).to.deep.equal([]);
      scene.clock.nowMs += 2_000;
      expect(await lostOf()).to.have.members(fed.slice(0, 2));
    });

    it("are none of an actor that is done while the queue is asked", async () => {
      const [done, lost] = fed as [ActorId, ActorId];
      class LateQueue extends MemoryQueue {
        override async missing(ids: readonly ActorId[]): Promise<ActorId[]> {
          await scene.store.transact((tx) =>
            recordVerdict(tx, { campaign: "one", actorId: done }, MIGRATED, scene.clock),
          );
          return scene.queue.missing(ids);
        }
      }
      scene.clock.nowMs += 6_000;
      expect(await lostOf(new LateQueue())).to.deep.equal([lost]);
    });
  });
});
