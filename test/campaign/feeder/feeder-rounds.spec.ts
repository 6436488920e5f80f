import { expect } from "chai";
import type { FeedRequest } from "../../../src/campaign/feeder/feed-queue.ts";
import { actorKey } from "../../../src/campaign/campaign-keys.ts";
import { lostJobs } from "../../../src/campaign/feeder/lost-jobs.ts";
import type { ActorId } from "../../../src/formats/actor-id.ts";
import { actorIds, makeFeeder, MemoryQueue } from "../../support/campaign-fleet.ts";
import { CampaignScene, WorkedQueue } from "../../support/campaign-scene.ts";
import { forEachEngine, storeWith } from "../../support/stores.ts";

describe("a round of the feeder", () => {
  forEachEngine((makeStore) => {
    let scene: CampaignScene;

    beforeEach(async () => {
      scene = new CampaignScene(await makeStore());
    });

    it("feeds what the scan has found while it goes on", async () => {
      await scene.seed(3_000);
      await scene.start("long", { settings: { window: 1_000 } });
      const whileScanning: boolean[] = [];
      class NotingQueue extends MemoryQueue {
        override async feed(requests: readonly FeedRequest[]): Promise<void> {
          whileScanning.push(!(await scene.campaign("long")).scanFinished);
          await super.feed(requests);
        }
      }
      scene.queue = new NotingQueue();
      await scene.feeder().tick();
      expect(whileScanning).to.include(true);
      expect(scene.queue.fed).to.equal(1_000);
    });

    it("feeds on within a round where workers empty the window meanwhile", async () => {
      await scene.start("fast", { ids: actorIds(1_500), settings: { window: 1_100 } });
      scene.queue = new WorkedQueue(scene);
      await scene.feeder().tick();
      expect(scene.queue.fed).to.equal(1_500);
    });

    it("feeds on while a round of the scan takes its time", async () => {
      await scene.seed(3_000);
      await scene.start("slow", { settings: { window: 500 } });
      let hasFedEnough = (): void => undefined;
      const fedEnough = new Promise<void>((resolve) => {
        hasFedEnough = resolve;
      });
      class CountingQueue extends WorkedQueue {
        override async feed(requests: readonly FeedRequest[]): Promise<void> {
          await super.feed(requests);
          if (this.fed >= 1_500) {
            hasFedEnough();
          }
        }
      }
      scene.queue = new CountingQueue(scene);
      let scanning = 0;
      const slowScan = storeWith(scene.store, async (body, options) => {
        scanning += options?.label === "campaign_scan" ? 1 : 0;
        // The first round has a transaction per range, the second waits.
        if (options?.label === "campaign_scan" && scanning > 16) {
          await fedEnough;
        }
        return scene.store.transact(body, options);
      });
      await makeFeeder({ store: slowScan, queue: scene.queue, clock: scene.clock }).tick();
      expect(scene.queue.fed).to.be.at.least(1_500);
    });

    it("goes on with other campaigns where a row of one cannot be read, and says of which", async () => {
      const [damaged, ...sound] = actorIds(5);
      await scene.start("damaged", { ids: damaged === undefined ? [] : [damaged] });
      await scene.start("sound", { ids: sound });
      await scene.store.transact((tx) => {
        tx.set(actorKey("damaged", damaged ?? ("" as ActorId)), Buffer.from("{"));
        return Promise.resolve();
      });
      const told: unknown[] = [];
      const feeder = scene.feeder("feeder-1", { failed: (error) => told.push(error) });
      await feeder.tick();
      expect([...scene.queue.jobs.keys()]).to.have.members(sound);
      expect(told).to.have.length(1);
      expect(told[0]).to.deep.include({ code: "campaign_unreadable", details: { campaign: "damaged" } });
    });

    it("goes on feeding while it looks for lost jobs", async () => {
      await scene.start("busy", { ids: await scene.seed(40) });
      let hasFed = (): void => undefined;
      class SlowQueue extends MemoryQueue {
        override async feed(requests: readonly FeedRequest[]): Promise<void> {
          await super.feed(requests);
          hasFed();
        }
        override async missing(ids: readonly ActorId[]): Promise<ActorId[]> {
          await new Promise<void>((resolve) => {
            hasFed = resolve;
          });
          return super.missing(ids);
        }
      }
      scene.queue = new SlowQueue();
      const feeder = scene.feeder();
      await feeder.tick();
      await scene.migrate(6);
      scene.clock.nowMs += 60_000;
      await feeder.tick();
      expect(scene.queue.jobs.size).to.equal(10);
    });

    it("does not take actors for lost that were fed after it began to look", async () => {
      await scene.seed(600);
      await scene.start("fresh", { settings: { window: 600 } });
      await scene.feeder().tick();
      scene.queue.flush();
      scene.clock.nowMs += 4_000;
      const pages: number[] = [];
      for await (const lost of lostJobs(scene.store, scene.queue, "fresh", scene.clock.now)) {
        pages.push(lost.length);
        scene.clock.nowMs += 10_000;
      }
      expect(pages).to.deep.equal([0, 0]);
    });
  });
});
