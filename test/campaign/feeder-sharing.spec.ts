import { expect } from "chai";
import { readCounts, type CampaignCounts } from "../../src/campaign/campaign-counts.ts";
import { createCampaign } from "../../src/campaign/campaign-store.ts";
import { applyVerb } from "../../src/campaign/campaign-verbs.ts";
import { DEFAULT_BREAKER, type CampaignSettings } from "../../src/campaign/campaign.ts";
import type { Feeder } from "../../src/campaign/feeder.ts";
import { changeFleetLimits } from "../../src/campaign/fleet.ts";
import { addActors, finishScan } from "../../src/campaign/membership.ts";
import type { Verdict } from "../../src/migration/outcome.ts";
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
const MIB = 1024 * 1024;
const REJECTED: Verdict = { state: "rejected", reason: "magic_mismatch", detail: "" };

describe("the feeder of several campaigns", () => {
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

    /** A running campaign of actors of its own, each of which claims so many bytes. */
    const create = async (
      name: string,
      actors: { count: number; label: number; bytes?: number },
      settings: Partial<CampaignSettings> = {},
    ): Promise<void> => {
      const ids = actorIds(actors.count, actors.label);
      await writeSizes(store, new Map(ids.map((id) => [id, actors.bytes ?? 4096])));
      const spec = {
        ...TEST_SPEC,
        source: { kind: "list" },
        order: "scan",
        breaker: { ...DEFAULT_BREAKER, actors: 10_000 },
      } as const;
      await createCampaign(store, { name, spec, settings: { window: 100, ...settings } }, OPERATOR, clock.now());
      await addActors(store, name, ids);
      await finishScan(store, name);
      await applyVerb(store, name, "start", { author: OPERATOR, nowMs: clock.now() });
    };
    const counts = async (name: string): Promise<CampaignCounts> => store.transact(async (tx) => readCounts(tx, name));
    const done = async (name: string): Promise<number> => (await counts(name)).done.migrated.actors;
    const open = async (name: string): Promise<number> => (await counts(name)).open.actors;

    it("serves them in turn, however much each has waiting", async () => {
      await create("wide", { count: 100, label: 1 }, { window: 60 });
      await create("narrow", { count: 100, label: 2 }, { window: 4 });
      for (let round = 0; round < 20; round += 1) {
        await feeder.tick();
        await work({ store, queue, clock }, () => MIGRATED, 4);
        clock.nowMs += 250;
      }
      expect([await done("wide"), await done("narrow")]).to.deep.equal([40, 40]);
    });

    it("goes on in turn when another feeder takes over", async () => {
      await create("wide", { count: 100, label: 1 }, { window: 60 });
      await feeder.tick();
      clock.nowMs += 10_000;
      const second = makeFeeder({ store, queue, clock }, "feeder-2");
      await create("late", { count: 20, label: 2 });
      await second.tick();
      await work({ store, queue, clock }, () => MIGRATED, 40);
      expect([await done("wide"), await done("late")]).to.deep.equal([20, 20]);
    });

    it("shares the fleet's concurrency", async () => {
      await changeFleetLimits(store, { concurrentActors: 10 }, OPERATOR, clock.now());
      await create("first", { count: 50, label: 1 });
      await create("second", { count: 50, label: 2 });
      await feeder.tick();
      expect([await open("first"), await open("second")]).to.deep.equal([5, 5]);
    });

    it("lets a campaign that comes late have its share of a concurrency that is used up", async () => {
      await changeFleetLimits(store, { concurrentActors: 10 }, OPERATOR, clock.now());
      await create("first", { count: 100, label: 1 });
      await feeder.tick();
      expect(await open("first")).to.equal(10);
      await create("second", { count: 100, label: 2 });
      for (let round = 0; round < 20; round += 1) {
        await work({ store, queue, clock }, () => MIGRATED, 1);
        await feeder.tick();
      }
      expect((await done("second")) + (await open("second"))).to.be.at.least(10);
    });

    it("shares the fleet's rate, and leaves to one what the other cannot use", async () => {
      await changeFleetLimits(store, { actorsPerSecond: 10 }, OPERATOR, clock.now());
      await create("first", { count: 100, label: 1 });
      await create("second", { count: 15, label: 2 });
      const reached: number[][] = [];
      for (let second = 0; second < 6; second += 1) {
        await feeder.tick();
        await work({ store, queue, clock }, () => MIGRATED);
        reached.push([await done("first"), await done("second")]);
        clock.nowMs += 1000;
      }
      expect(reached.slice(0, 3)).to.deep.equal([
        [5, 5],
        [10, 10],
        [15, 15],
      ]);
      expect(reached[5]).to.deep.equal([45, 15]);
    });

    it("does not hold bytes against a campaign that rejected actors only claimed", async () => {
      await create("liars", { count: 10, label: 1, bytes: 1024 * 1024 * MIB }, { bytesPerSecond: MIB });
      for (let second = 0; second < 10; second += 1) {
        await feeder.tick();
        await work({ store, queue, clock }, () => REJECTED);
        clock.nowMs += 1000;
      }
      expect((await counts("liars")).done.rejected.actors).to.equal(10);
    });

    it("keeps to a rate of bytes that are carried", async () => {
      await create("honest", { count: 50, label: 1, bytes: MIB }, { bytesPerSecond: 2 * MIB });
      for (let second = 0; second < 10; second += 1) {
        await feeder.tick();
        await work({ store, queue, clock }, () => MIGRATED);
        clock.nowMs += 1000;
      }
      expect(await done("honest")).to.be.within(18, 22);
    });

    it("counts no bytes for an actor that claims more than a file can have", async () => {
      await create("impossible", { count: 3, label: 1, bytes: 2 ** 60 });
      expect((await counts("impossible")).todo).to.deep.equal({ actors: 3, bytes: 0 });
    });
  });
});
