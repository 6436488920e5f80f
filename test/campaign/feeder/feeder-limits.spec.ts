import { expect } from "chai";
import { auditCampaign } from "../../../src/campaign/audit.ts";
import type { Feeder } from "../../../src/campaign/feeder/feeder.ts";
import { writeHeartbeat, type Heartbeat } from "../../../src/campaign/fleet/heartbeats.ts";
import type { TestClock } from "../../support/campaign-fleet.ts";
import { CampaignScene } from "../../support/campaign-scene.ts";
import { forEachEngine } from "../../support/stores.ts";

const KIB = 1024;

/** A worker with so many slots. */
function workerIn(clock: TestClock, concurrency: number): Heartbeat {
  const who = { workerId: "w", host: "here", pid: 1, version: "test", startedAtMs: clock.now() };
  return { ...who, atMs: clock.now(), concurrency, limit: concurrency, inFlight: {}, activitySeconds: {} };
}

describe("limits that are set while a window waits on the queue", () => {
  forEachEngine((makeStore) => {
    let scene: CampaignScene;
    let feeder: Feeder;

    beforeEach(async () => {
      scene = new CampaignScene(await makeStore());
      feeder = scene.feeder();
    });

    /** A running campaign of a hundred actors of 4 KiB, all of which its window takes. */
    const start = async (name: string, label = 1): Promise<void> =>
      scene.start(name, { ids: await scene.seed(100, () => 4 * KIB, label), settings: { window: 100 } });

    it("are kept from the next round on: of actors at once, those included that have begun", async () => {
      await start("one");
      await feeder.tick();
      expect(scene.queue.jobs.size).to.equal(100);
      const begun = [scene.queue.take(), scene.queue.take()];
      await scene.change("one", { concurrentActors: 3 });
      await feeder.tick();
      expect([scene.queue.jobs.size, await scene.open("one")]).to.deep.equal([1, 3]);
      begun.forEach((job) => job !== undefined && scene.queue.jobs.set(job.actorId, job));
      while ((await scene.migrated("one")) < 100) {
        expect(await scene.migrate()).to.be.within(1, 3);
        await feeder.tick();
      }
      expect(await auditCampaign(scene.store, "one")).to.deep.include({ differences: [], moving: false });
    });

    it("are kept after a resume where they were set while the campaign was paused", async () => {
      await start("one");
      await feeder.tick();
      await scene.apply("one", "pause");
      await scene.change("one", { concurrentActors: 3 });
      await feeder.tick();
      await scene.apply("one", "resume");
      await feeder.tick();
      expect([scene.queue.jobs.size, await scene.open("one")]).to.deep.equal([3, 3]);
    });

    it("let an actor begin whenever its time has come, at less than one per second", async () => {
      await start("one");
      await scene.change("one", { actorsPerSecond: 0.25 });
      const begun: number[] = [];
      for (let second = 0; second < 20; second += 1) {
        await feeder.tick();
        begun.push(await scene.migrate());
        scene.clock.nowMs += 1000;
      }
      expect(begun).to.deep.equal(Array.from({ length: 5 }, () => [1, 0, 0, 0]).flat());
    });

    it("let nothing begin while more than they allow has begun already", async () => {
      await start("one");
      await feeder.tick();
      for (let taken = 0; taken < 5; taken += 1) {
        scene.queue.take();
      }
      await scene.change("one", { concurrentActors: 3 });
      await feeder.tick();
      expect([scene.queue.jobs.size, await scene.open("one")]).to.deep.equal([0, 5]);
    });

    it("take nothing back twice, and tell of what they took", async () => {
      const told: unknown[] = [];
      feeder = scene.feeder("feeder-1", {
        withdrawn: (name, actors) => {
          told.push([name, actors]);
        },
      });
      await start("one");
      await feeder.tick();
      await scene.change("one", { concurrentActors: 3 });
      await feeder.tick();
      const { fed } = scene.queue;
      for (let round = 0; round < 10; round += 1) {
        scene.clock.nowMs += 1000;
        await feeder.tick();
      }
      expect(scene.queue.fed).to.equal(fed);
      expect(told).to.deep.equal([["one", 100]]);
    });

    for (const [what, rate] of [
      ["actors", { actorsPerSecond: 5 }],
      ["bytes", { bytesPerSecond: 20 * KIB }],
    ] as const) {
      it(`are kept from the next round on: of ${what} per second`, async () => {
        await start("one");
        await feeder.tick();
        await scene.limitFleet(rate);
        for (let second = 0; second < 10; second += 1) {
          await feeder.tick();
          await scene.migrate();
          scene.clock.nowMs += 1000;
        }
        expect(await scene.migrated("one")).to.be.within(45, 60);
      });
    }

    for (const [what, rate] of [
      ["actors", { actorsPerSecond: 5 }],
      ["bytes", { bytesPerSecond: 20 * KIB }],
    ] as const) {
      it(`are kept by all campaigns of a round together: of ${what} per second`, async () => {
        await scene.limitFleet(rate);
        await start("first", 1);
        await start("second", 2);
        await feeder.tick();
        expect(scene.queue.jobs.size).to.equal(5);
      });

      it(`let a few seconds' worth wait while workers stand still, beside what they work on: of ${what}`, async () => {
        await start("one");
        await scene.change("one", rate);
        const waits = async (): Promise<number> => {
          for (let second = 0; second < 15; second += 1) {
            await feeder.tick();
            scene.clock.nowMs += 1000;
          }
          return scene.queue.jobs.size;
        };
        expect(await waits()).to.be.within(15, 20);
        await writeHeartbeat(scene.store, workerIn(scene.clock, 40));
        expect(await waits()).to.be.within(55, 60);
      });
    }

    it("are shared by all campaigns that had a window waiting", async () => {
      await start("first", 1);
      await start("second", 2);
      await feeder.tick();
      expect(scene.queue.jobs.size).to.equal(200);
      await scene.limitFleet({ concurrentActors: 4 });
      await feeder.tick();
      await feeder.tick();
      expect([await scene.open("first"), await scene.open("second")]).to.deep.equal([2, 2]);
      expect(scene.queue.jobs.size).to.equal(4);
    });

    it("let a campaign go on beside another that has none and a window waiting", async () => {
      await start("limited", 1);
      await start("free", 2);
      await feeder.tick();
      await scene.change("limited", { concurrentActors: 2 });
      await feeder.tick();
      await scene.migrate(8);
      expect(await scene.migrated("limited")).to.equal(2);
    });

    it("are kept also where Redis forgets the window", async () => {
      await start("one");
      await feeder.tick();
      scene.queue.flush();
      await scene.change("one", { concurrentActors: 3 });
      for (let round = 0; round < 10; round += 1) {
        scene.clock.nowMs += 5_000;
        await feeder.tick();
        expect(scene.queue.jobs.size).to.be.at.most(3);
      }
      expect(scene.queue.jobs.size).to.equal(3);
    });

    it("are kept by a feeder that takes over", async () => {
      await start("one");
      await feeder.tick();
      await scene.change("one", { concurrentActors: 3 });
      scene.clock.nowMs += 10_000;
      await scene.feeder("feeder-2").tick();
      expect(scene.queue.jobs.size).to.equal(3);
    });
  });
});
