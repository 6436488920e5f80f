import { expect } from "chai";
import { auditCampaign } from "../../src/campaign/audit.ts";
import { readCounts, type CampaignCounts } from "../../src/campaign/campaign-counts.ts";
import { createCampaign } from "../../src/campaign/campaign-store.ts";
import { applyVerb, changeSettings } from "../../src/campaign/campaign-verbs.ts";
import type { Feeder } from "../../src/campaign/feeder.ts";
import { changeFleetLimits, writeHeartbeat, type Heartbeat } from "../../src/campaign/fleet.ts";
import { addActors, finishScan } from "../../src/campaign/membership.ts";
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

const OPERATOR = { who: "test" };
const KIB = 1024;

/** A worker with so many slots. */
function workerIn(clock: TestClock, concurrency: number): Heartbeat {
  const who = { workerId: "w", host: "here", pid: 1, version: "test", startedAtMs: clock.now() };
  return { ...who, atMs: clock.now(), concurrency, limit: concurrency, inFlight: {}, activitySeconds: {} };
}

describe("limits that are set while a window waits on the queue", () => {
  forEachEngine((makeStore) => {
    let store: Store;
    let queue: MemoryQueue;
    let clock: TestClock;
    let feeder: Feeder;

    beforeEach(async () => {
      store = await makeStore();
      queue = new MemoryQueue();
      clock = new TestClock();
      feeder = makeFeeder({ store, queue, clock });
    });

    /** A running campaign of a hundred actors of 4 KiB, all of which its window takes. */
    const create = async (name: string, label = 1): Promise<void> => {
      const ids = actorIds(100, label);
      await writeSizes(store, new Map(ids.map((id) => [id, 4 * KIB])));
      const spec = { ...TEST_SPEC, source: { kind: "list" } } as const;
      await createCampaign(store, { name, spec, settings: { window: 100 } }, OPERATOR, clock.now());
      await addActors(store, name, ids);
      await finishScan(store, name);
      await applyVerb(store, name, "start", { author: OPERATOR, nowMs: clock.now() });
    };
    const counts = async (name: string): Promise<CampaignCounts> => store.transact(async (tx) => readCounts(tx, name));
    const open = async (name: string): Promise<number> => (await counts(name)).open.actors;
    const done = async (name: string): Promise<number> => (await counts(name)).done.migrated.actors;

    it("are kept from the next round on: of actors at once, those included that have begun", async () => {
      await create("one");
      await feeder.tick();
      expect(queue.jobs.size).to.equal(100);
      const begun = [queue.take(), queue.take()];
      await changeSettings(store, "one", { concurrentActors: 3 }, { author: OPERATOR, nowMs: clock.now() });
      await feeder.tick();
      expect([queue.jobs.size, await open("one")]).to.deep.equal([1, 3]);
      begun.forEach((job) => job !== undefined && queue.jobs.set(job.actorId, job));
      while ((await done("one")) < 100) {
        expect(await work({ store, queue, clock }, () => MIGRATED)).to.be.within(1, 3);
        await feeder.tick();
      }
      expect(await auditCampaign(store, "one")).to.deep.include({ differences: [], moving: false });
    });

    it("let nothing begin while more than they allow has begun already", async () => {
      await create("one");
      await feeder.tick();
      for (let taken = 0; taken < 5; taken += 1) {
        queue.take();
      }
      await changeSettings(store, "one", { concurrentActors: 3 }, { author: OPERATOR, nowMs: clock.now() });
      await feeder.tick();
      expect([queue.jobs.size, await open("one")]).to.deep.equal([0, 5]);
    });

    it("take nothing back twice", async () => {
      await create("one");
      await feeder.tick();
      await changeSettings(store, "one", { concurrentActors: 3 }, { author: OPERATOR, nowMs: clock.now() });
      await feeder.tick();
      const { fed } = queue;
      for (let round = 0; round < 10; round += 1) {
        clock.nowMs += 1000;
        await feeder.tick();
      }
      expect(queue.fed).to.equal(fed);
    });

    for (const [what, rate] of [
      ["actors", { actorsPerSecond: 5 }],
      ["bytes", { bytesPerSecond: 20 * KIB }],
    ] as const) {
      it(`are kept from the next round on: of ${what} per second`, async () => {
        await create("one");
        await feeder.tick();
        await changeFleetLimits(store, rate, OPERATOR, clock.now());
        for (let second = 0; second < 10; second += 1) {
          await feeder.tick();
          await work({ store, queue, clock }, () => MIGRATED);
          clock.nowMs += 1000;
        }
        expect(await done("one")).to.be.within(45, 60);
      });
    }

    for (const [what, rate] of [
      ["actors", { actorsPerSecond: 5 }],
      ["bytes", { bytesPerSecond: 20 * KIB }],
    ] as const) {
      it(`let a few seconds' worth wait while workers stand still, beside what they work on: of ${what}`, async () => {
        await create("one");
        await changeSettings(store, "one", rate, { author: OPERATOR, nowMs: clock.now() });
        const waits = async (): Promise<number> => {
          for (let second = 0; second < 15; second += 1) {
            await feeder.tick();
            clock.nowMs += 1000;
          }
          return queue.jobs.size;
        };
        expect(await waits()).to.be.within(15, 20);
        await writeHeartbeat(store, workerIn(clock, 40));
        expect(await waits()).to.be.within(55, 60);
      });
    }

    it("are shared by all campaigns that had a window waiting", async () => {
      await create("first", 1);
      await create("second", 2);
      await feeder.tick();
      expect(queue.jobs.size).to.equal(200);
      await changeFleetLimits(store, { concurrentActors: 4 }, OPERATOR, clock.now());
      await feeder.tick();
      await feeder.tick();
      expect([await open("first"), await open("second")]).to.deep.equal([2, 2]);
      expect(queue.jobs.size).to.equal(4);
    });

    it("let a campaign go on beside another that has none and a window waiting", async () => {
      await create("limited", 1);
      await create("free", 2);
      await feeder.tick();
      await changeSettings(store, "limited", { concurrentActors: 2 }, { author: OPERATOR, nowMs: clock.now() });
      await feeder.tick();
      await work({ store, queue, clock }, () => MIGRATED, 8);
      expect(await done("limited")).to.equal(2);
    });

    it("are kept also where Redis forgets the window", async () => {
      await create("one");
      await feeder.tick();
      queue.flush();
      await changeSettings(store, "one", { concurrentActors: 3 }, { author: OPERATOR, nowMs: clock.now() });
      for (let round = 0; round < 10; round += 1) {
        clock.nowMs += 5_000;
        await feeder.tick();
        expect(queue.jobs.size).to.be.at.most(3);
      }
      expect(queue.jobs.size).to.equal(3);
    });

    it("are kept by a feeder that takes over", async () => {
      await create("one");
      await feeder.tick();
      await changeSettings(store, "one", { concurrentActors: 3 }, { author: OPERATOR, nowMs: clock.now() });
      clock.nowMs += 10_000;
      await makeFeeder({ store, queue, clock }, "feeder-2").tick();
      expect(queue.jobs.size).to.equal(3);
    });
  });
});
