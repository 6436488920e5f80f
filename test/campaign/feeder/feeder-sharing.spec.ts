import { expect } from "chai";
import { DEFAULT_BREAKER, type CampaignSettings } from "../../../src/campaign/campaign.ts";
import type { Feeder } from "../../../src/campaign/feeder/feeder.ts";
import type { Verdict } from "../../../src/migration/outcome.ts";
import { CampaignScene } from "../../support/campaign-scene.ts";
import { forEachEngine } from "../../support/stores.ts";

const MIB = 1024 * 1024;
const REJECTED: Verdict = { state: "rejected", reason: "magic_mismatch", detail: "" };

describe("the feeder of several campaigns", () => {
  forEachEngine((makeStore) => {
    let scene: CampaignScene;
    let feeder: Feeder;

    beforeEach(async () => {
      scene = new CampaignScene(await makeStore());
      feeder = scene.feeder();
    });

    /** A running campaign of actors of its own, each of which claims so many bytes. */
    const start = async (
      name: string,
      { count, label, bytes = 4096 }: { count: number; label: number; bytes?: number },
      settings: Partial<CampaignSettings> = {},
    ): Promise<void> => {
      const ids = await scene.seed(count, () => bytes, label);
      const breaker = { ...DEFAULT_BREAKER, actors: 10_000 };
      await scene.start(name, { ids, spec: { order: "scan", breaker }, settings: { window: 100, ...settings } });
    };

    it("serves them in turn, however much each has waiting", async () => {
      await start("wide", { count: 100, label: 1 }, { window: 60 });
      await start("narrow", { count: 100, label: 2 }, { window: 4 });
      for (let round = 0; round < 20; round += 1) {
        await feeder.tick();
        await scene.migrate(4);
        scene.clock.nowMs += 250;
      }
      expect([await scene.migrated("wide"), await scene.migrated("narrow")]).to.deep.equal([40, 40]);
    });

    it("does not let a small campaign wait behind a big one", async () => {
      await scene.seed(100);
      await scene.start("big", { settings: { window: 80 } });
      await feeder.tick();
      await scene.start("small", { spec: { filters: { samplePercent: 10 } }, settings: { window: 80 } });
      await feeder.tick();
      const small = await scene.open("small");
      expect(small).to.be.greaterThan(0);
      const order = [];
      for (let job = scene.queue.take(); job !== undefined; job = scene.queue.take()) {
        order.push(job.campaign);
      }
      expect(order.lastIndexOf("small")).to.be.at.most(2 * small);
    });

    it("goes on in turn when another feeder takes over", async () => {
      await start("wide", { count: 100, label: 1 }, { window: 60 });
      await feeder.tick();
      scene.clock.nowMs += 10_000;
      const second = scene.feeder("feeder-2");
      await start("late", { count: 20, label: 2 });
      await second.tick();
      await scene.migrate(40);
      expect([await scene.migrated("wide"), await scene.migrated("late")]).to.deep.equal([20, 20]);
    });

    it("shares the fleet's concurrency", async () => {
      await scene.limitFleet({ concurrentActors: 10 });
      await start("first", { count: 50, label: 1 });
      await start("second", { count: 50, label: 2 });
      await feeder.tick();
      expect([await scene.open("first"), await scene.open("second")]).to.deep.equal([5, 5]);
    });

    it("lets a campaign that comes late have its share of a concurrency that is used up", async () => {
      await scene.limitFleet({ concurrentActors: 10 });
      await start("first", { count: 100, label: 1 });
      await feeder.tick();
      expect(await scene.open("first")).to.equal(10);
      await start("second", { count: 100, label: 2 });
      for (let round = 0; round < 20; round += 1) {
        await scene.migrate(1);
        await feeder.tick();
      }
      expect((await scene.migrated("second")) + (await scene.open("second"))).to.be.at.least(10);
    });

    it("shares the fleet's rate, and leaves to one what the other cannot use", async () => {
      await scene.limitFleet({ actorsPerSecond: 10 });
      await start("first", { count: 100, label: 1 });
      await start("second", { count: 15, label: 2 });
      const reached: number[][] = [];
      for (let second = 0; second < 6; second += 1) {
        await feeder.tick();
        await scene.migrate();
        reached.push([await scene.migrated("first"), await scene.migrated("second")]);
        scene.clock.nowMs += 1000;
      }
      expect(reached.slice(0, 3)).to.deep.equal([
        [5, 5],
        [10, 10],
        [15, 15],
      ]);
      expect(reached[5]).to.deep.equal([45, 15]);
    });

    it("does not hold bytes against a campaign that rejected actors only claimed", async () => {
      await start("liars", { count: 10, label: 1, bytes: 1024 * 1024 * MIB }, { bytesPerSecond: MIB });
      for (let second = 0; second < 10; second += 1) {
        await feeder.tick();
        await scene.work(() => REJECTED);
        scene.clock.nowMs += 1000;
      }
      expect((await scene.counts("liars")).done.rejected.actors).to.equal(10);
    });

    it("keeps to a rate of bytes that are carried", async () => {
      await start("honest", { count: 50, label: 1, bytes: MIB }, { bytesPerSecond: 2 * MIB });
      for (let second = 0; second < 10; second += 1) {
        await feeder.tick();
        await scene.migrate();
        scene.clock.nowMs += 1000;
      }
      expect(await scene.migrated("honest")).to.be.within(18, 22);
    });

    it("counts no bytes for an actor that claims more than a file can have", async () => {
      await start("impossible", { count: 3, label: 1, bytes: 2 ** 60 });
      expect((await scene.counts("impossible")).todo).to.deep.equal({ actors: 3, bytes: 0 });
    });
  });
});
