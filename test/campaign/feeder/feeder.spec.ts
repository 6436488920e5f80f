import { expect } from "chai";
import { auditCampaign } from "../../../src/campaign/audit.ts";
import type { CampaignFilters } from "../../../src/campaign/campaign.ts";
import { deleteCampaign } from "../../../src/campaign/delete-campaign.ts";
import { addActors, finishScan } from "../../../src/campaign/actors/membership.ts";
import type { Verdict } from "../../../src/migration/outcome.ts";
import { actorIds } from "../../support/campaign-fleet.ts";
import { CampaignScene } from "../../support/campaign-scene.ts";
import { forEachEngine } from "../../support/stores.ts";

const MIB = 1024 * 1024;
const AWAKE: Verdict = { state: "deferred", reason: "actor_awake", detail: "awake" };

describe("the feeder", () => {
  forEachEngine((makeStore) => {
    let scene: CampaignScene;

    beforeEach(async () => {
      scene = new CampaignScene(await makeStore());
    });

    it("feeds every actor once, never more than the window at a time, and completes", async () => {
      await scene.seed(95);
      await scene.start("all");
      await scene.runToEnd("all");
      expect((await scene.campaign("all")).state).to.equal("completed");
      expect(scene.queue.fed).to.equal(95);
      expect(scene.queue.largest).to.be.at.most(10);
      expect((await scene.counts("all")).done.migrated).to.deep.equal({ actors: 95, bytes: 95 * 4096 });
      expect(await auditCampaign(scene.store, "all")).to.deep.equal({ actors: 95, moving: false, differences: [] });
    });

    it("fails a round where the queue is away for all that it does side by side, and leaves nothing unheard", async () => {
      await scene.seed(30);
      await scene.start("all");
      const feeder = scene.feeder();
      await feeder.tick();
      await scene.migrate(5);
      scene.clock.nowMs += 60_000;
      const unheard: unknown[] = [];
      const note = (reason: unknown): number => unheard.push(reason);
      process.on("unhandledRejection", note);
      let asked = 0;
      scene.queue.missing = () => Promise.reject(new Error("away"));
      scene.queue.feed = async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        asked += 1;
        throw new Error("away, too");
      };
      expect(await feeder.tick().catch(String)).to.equal("Error: away");
      expect(asked, "the round ends after all of it").to.equal(1);
      await new Promise((resolve) => setImmediate(resolve));
      process.off("unhandledRejection", note);
      expect(unheard).to.deep.equal([]);
    });

    it("takes small actors first, and only them while the scan is not over", async () => {
      await scene.seed(30, (index) => (index % 3) * 80 * MIB);
      await scene.start("sizes", { settings: { window: 1000 } });
      const feeder = scene.feeder();
      await feeder.tick();
      await feeder.tick();
      const sizes = [...scene.queue.jobs.values()].map(({ actorId }) => actorIds(30).indexOf(actorId) % 3);
      expect(sizes.slice(0, 10)).to.deep.equal(new Array(10).fill(0));
      expect(sizes).to.have.length(30);
    });

    it("applies filters: label, size and a fixed sample", async () => {
      await scene.seed(200, (index) => index * 100);
      const pick = async (name: string, filters: CampaignFilters): Promise<number> => {
        await scene.start(name, { spec: { filters }, settings: { window: 1000 } });
        await scene.feeder("f").tick();
        const { todo, open } = await scene.counts(name);
        await scene.apply(name, "pause");
        return todo.actors + open.actors;
      };
      expect(await pick("label", { label: 2 })).to.equal(0);
      expect(await pick("same-label", { label: 1 })).to.equal(200);
      expect(await pick("size", { minBytes: 1000, maxBytes: 1999 })).to.equal(10);
      const sample = await pick("sample", { samplePercent: 25 });
      expect(sample).to.be.within(30, 70);
      expect(await pick("again", { samplePercent: 25 })).to.equal(sample);
    });

    it("feeds a list once however often an id is on it", async () => {
      const ids = await scene.seed(20);
      await scene.start("list", { spec: { source: { kind: "list" } } });
      expect(await addActors(scene.store, "list", [...ids, ...ids])).to.deep.equal({ added: 20, left: 20 });
      await finishScan(scene.store, "list");
      await scene.runToEnd("list");
      expect(scene.queue.fed).to.equal(20);
    });

    it("feeds an id once that is twice on a list, and whose size has crossed a lane's bound meanwhile", async () => {
      for (const [name, sizes] of [
        ["grows", [4096, 2 * MIB]],
        ["shrinks", [100 * MIB, 4096]],
      ] as const) {
        await scene.start(name, { spec: { source: { kind: "list" } } });
        const added = [];
        for (const size of sizes) {
          await scene.seed(1, () => size);
          added.push((await addActors(scene.store, name, actorIds(1))).added);
        }
        await finishScan(scene.store, name);
        const fedBefore = scene.queue.fed;
        await scene.runToEnd(name);
        expect([added, scene.queue.fed - fedBefore]).to.deep.equal([[1, 0], 1]);
        expect(await scene.differences(name)).to.deep.equal([]);
        expect(await scene.campaign(name)).to.include({ state: "completed" });
      }
    });

    it("feeds deferred actors again, and gives them up at the limit", async () => {
      await scene.seed(4);
      await scene.start("naps");
      await scene.runToEnd("naps", () => AWAKE);
      expect(scene.queue.fed).to.equal(4 * 4);
      expect((await scene.counts("naps")).done.deferred.actors).to.equal(4);
      expect(await scene.differences("naps")).to.deep.equal([]);
    });

    it("finds every actor again when the queue forgets, and migrates none twice", async () => {
      await scene.seed(60);
      await scene.start("flushed");
      const feeder = scene.feeder();
      await feeder.tick();
      await scene.migrate(5);
      scene.queue.flush();
      scene.clock.nowMs += 60_000;
      await scene.runToEnd("flushed");
      expect(await scene.migrated("flushed")).to.equal(60);
      expect(await scene.differences("flushed")).to.deep.equal([]);
    });

    it("keeps to the rates, which can be changed while it runs and end by themselves", async () => {
      await scene.seed(200);
      await scene.start("slow", { settings: { window: 1000, actorsPerSecond: 5 } });
      const feeder = scene.feeder();
      for (let second = 0; second < 10; second += 1) {
        await feeder.tick();
        await scene.migrate();
        scene.clock.nowMs += 1000;
      }
      expect(scene.queue.fed).to.be.within(45, 55);
      await scene.change("slow", { ratesUntilMs: scene.clock.now() - 1 });
      await feeder.tick();
      expect(scene.queue.fed).to.equal(200);
    });

    it("feeds an actor that is larger than what a rate of bytes allows at once, and then no other for that long", async () => {
      await scene.seed(3, () => 30 * MIB);
      await scene.start("large", { settings: { bytesPerSecond: MIB } });
      const feeder = scene.feeder();
      const fedAfter = async (seconds: number): Promise<number> => {
        scene.clock.nowMs += seconds * 1000;
        await feeder.tick();
        await feeder.tick();
        await scene.migrate();
        return scene.queue.fed;
      };
      expect([await fedAfter(0), await fedAfter(20), await fedAfter(20)]).to.deep.equal([1, 1, 2]);
    });

    it("tells in each round of every campaign there is, and no longer of one that was deleted", async () => {
      await scene.start("stays");
      await scene.start("goes");
      const rounds: string[][] = [];
      const feeder = scene.feeder("feeder-1", {
        counted: (all) => {
          rounds.push(all.map(({ campaign }) => campaign.name));
        },
      });
      await feeder.tick();
      await scene.apply("goes", "cancel");
      await deleteCampaign(scene.store, "goes");
      await feeder.tick();
      expect(rounds).to.deep.equal([["goes", "stays"], ["stays"]]);
    });

    it("takes nothing of a deleted campaign's pace for one that is created under its name", async () => {
      await scene.seed(20);
      const feeder = scene.feeder();
      const fedAtOnce = async (): Promise<number> => {
        await scene.start("again", { settings: { window: 100, actorsPerSecond: 5 } });
        const before = scene.queue.fed;
        await feeder.tick();
        await feeder.tick();
        return scene.queue.fed - before;
      };
      expect(await fedAtOnce()).to.equal(5);
      await scene.apply("again", "cancel");
      await scene.migrate();
      await feeder.tick();
      await deleteCampaign(scene.store, "again");
      await feeder.tick();
      expect(await fedAtOnce()).to.equal(5);
    });
  });
});
