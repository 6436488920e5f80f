import { PassThrough } from "node:stream";
import { expect } from "chai";
import { readActivity } from "../../../src/campaign/fleet/activity.ts";
import { readWorkers, type Heartbeat } from "../../../src/campaign/fleet/heartbeats.ts";
import { LoadGovernor } from "../../../src/campaign/fleet/load-governor.ts";
import { FleetMember } from "../../../src/cli/worker/fleet-member.ts";
import type { Store } from "../../../src/store/store.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import { createMetrics } from "../../../src/telemetry/metrics.ts";
import { withMockIntervals } from "../../support/mock-intervals.ts";
import { forEachEngine, storeWith } from "../../support/stores.ts";
import { eventually, gate } from "../../queue/eventually.ts";

const SLOTS = 4;

/** A worker host as its member sees it. */
class FakeHost {
  inFlight = 0;
  isConnected = true;
  concurrency = SLOTS;
  isPaused = false;
  pauses = 0;

  pause(): Promise<void> {
    this.isPaused = true;
    this.pauses += 1;
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.isPaused = false;
    return Promise.resolve();
  }

  setConcurrency(concurrency: number): Promise<void> {
    this.concurrency = concurrency;
    return Promise.resolve();
  }
}

describe("a worker as a member of the fleet", () => {
  forEachEngine((makeStore) => {
    let store: Store;
    let host: FakeHost;
    let governor: LoadGovernor;
    let member: FleetMember;
    let nowMs: number;

    beforeEach(async () => {
      store = await makeStore();
      host = new FakeHost();
      governor = new LoadGovernor(SLOTS);
      nowMs = 1_000;
      member = memberOn(store);
    });

    const memberOn = (its: Store): FleetMember =>
      new FleetMember({
        store: its,
        metrics: createMetrics({ version: "test" }),
        log: createLogger({ stream: new PassThrough().resume() }),
        governor,
        concurrency: SLOTS,
        identity: { workerId: "w1", host: "here", pid: 1, version: "test" },
        monotonicNow: () => nowMs,
      });

    afterEach(async () => {
      await member.stop();
    });

    const heartbeats = (): Promise<Heartbeat[]> => store.transact(async (tx) => readWorkers(tx, Date.now()));
    const activity = (campaign: string): Promise<Map<string, number>> =>
      store.transact(async (tx) => readActivity(tx, campaign));

    it("is in the store while it works, and not after it stopped", async () => {
      member.start(host);
      await eventually("it is heard of", async () => (await heartbeats()).length === 1);
      expect((await heartbeats())[0]).to.deep.include({ workerId: "w1", concurrency: SLOTS, limit: SLOTS });
      await member.stop();
      expect(await heartbeats()).to.deep.equal([]);
    });

    it("takes nothing new while the store throttles, and recovers slot by slot", async function () {
      this.timeout(60_000);
      member.start(host);
      governor.observe({ label: "stage", result: "throttled", writtenBytes: 0, durationMs: 1, commitMs: 0 });
      await eventually("it is paused", () => host.pauses > 0, 30_000);
      await eventually("it takes jobs again", () => !host.isPaused && host.concurrency === 1, 30_000);
      await eventually("it may do more", () => host.concurrency === 2, 30_000);
      expect(host.pauses).to.equal(1);
    });

    it("counts as withheld no more than the slots that are free", async () => {
      governor.observe({ label: "stage", result: "throttled", writtenBytes: 0, durationMs: 1, commitMs: 0 });
      expect(governor.decide(undefined).limit).to.equal(0);
      const slot = member.begin("");
      nowMs += 1_000;
      member.start(host);
      await eventually("it is heard of", async () => (await heartbeats()).length === 1);
      slot.end();
      const [heartbeat] = await heartbeats();
      expect(heartbeat?.activitySeconds).to.deep.equal({ read: 1, throttled_store: SLOTS - 1, idle: 0 });
    });

    it("is heard of, and holds back, while the store serves nothing that has batch priority", async function () {
      this.timeout(60_000);
      const released = gate();
      member = memberOn({
        url: store.url,
        engine: store.engine,
        transact: async (body, options) => {
          await (options?.priority === "default" ? Promise.resolve() : released.opened);
          return store.transact(body, options);
        },
        close: () => Promise.resolve(),
      });
      const slot = member.begin("spring");
      nowMs += 250;
      slot.end();
      member.start(host);
      await eventually("it is heard of", async () => (await heartbeats()).length === 1);
      const [first] = await heartbeats();
      governor.observe({ label: "stage", result: "throttled", writtenBytes: 0, durationMs: 1, commitMs: 0 });
      await eventually("it is paused", () => host.pauses > 0, 15_000);
      await eventually("it says so", async () => (await heartbeats())[0]?.limit === 0, 15_000);
      expect((await heartbeats())[0]?.atMs).to.be.above(first?.atMs ?? 0);
      released.open();
      await member.stop();
      expect(Object.fromEntries(await activity("spring"))).to.deep.include({ read: 250 });
    });

    it("books every second of every slot on one activity, also of attempts that are not over", async function () {
      this.timeout(60_000);
      member.start(host);
      await eventually("it is heard of", async () => (await heartbeats()).length === 1);
      const ended = member.begin("spring");
      member.begin("spring").enter("write");
      nowMs += 500;
      ended.enter("check");
      nowMs += 1_500;
      ended.end();
      nowMs += 3_000;
      await eventually("it tells of it", async () => total(await heartbeats()) >= 20, 30_000);
      const [heartbeat] = await heartbeats();
      expect(heartbeat?.activitySeconds).to.deep.include({ read: 0.5, check: 1.5, write: 5, idle: 13 });
      expect(total(await heartbeats())).to.equal(SLOTS * 5);
      expect(heartbeat?.inFlight).to.deep.equal({ spring: 1 });
      await eventually("it is booked", async () => (await activity("spring")).get("write") === 5_000);
      expect(Object.fromEntries(await activity("spring"))).to.deep.include({ read: 500, check: 1500, write: 5000 });
    });

    it("books on its campaign what a slot did since the last heartbeat when it stops", async () => {
      member.start(host);
      const slot = member.begin("spring");
      slot.enter("encode");
      nowMs += 250;
      slot.end();
      await member.stop();
      expect(Object.fromEntries(await activity("spring"))).to.deep.include({ encode: 250 });
    });

    it("books an attempt that took long when it ends: it may be the campaign's last, and a report be asked for at once", async () => {
      // Not started: no heartbeat comes that would book it.
      const [long, short] = [member.begin("spring"), member.begin("autumn")];
      nowMs += 1_000;
      short.end();
      long.enter("verify");
      nowMs += 60_000;
      expect(Object.fromEntries(await activity("autumn"))).to.deep.equal({});
      long.end();
      await eventually("it is booked", async () => (await activity("spring")).get("verify") === 60_000);
    });

    it("books later what the store did not take at first", async () => {
      let isAway = true;
      const failing = storeWith(store, async (body, options) => {
        if (isAway && options?.label === "activity") {
          isAway = false;
          throw new Error("away");
        }
        return store.transact(body, options);
      });
      member = memberOn(failing);
      const slot = member.begin("spring");
      nowMs += 60_000;
      // Long enough to be booked at once.
      slot.end();
      await eventually("the store did not take it", () => !isAway);
      await member.stop();
      expect(Object.fromEntries(await activity("spring"))).to.deep.equal({ read: 60_000 });
    });

    it("stops after what it has under way with the store, so that nothing of it comes behind", async () => {
      const asked = gate();
      let held: Promise<unknown> | undefined;
      const slow = storeWith(store, async (body, options) => {
        if (options?.label !== "heartbeat" || held !== undefined) {
          return store.transact(body, options);
        }
        const written = asked.opened.then(async () => store.transact(body, options));
        held = written;
        return written;
      });
      member = memberOn(slow);
      member.start(host);
      await eventually("a heartbeat is under way", () => held !== undefined);
      const stopped = member.stop();
      setTimeout(asked.open, 200);
      await stopped;
      await held;
      expect(await heartbeats()).to.deep.equal([]);
    });

    it("asks nothing more of a store that has not answered, however often it would be time to", async () => {
      let asked = 0;
      const answered = gate();
      member = memberOn(
        storeWith(store, async (body, options) => {
          asked += 1;
          await answered.opened;
          return store.transact(body, options);
        }),
      );
      await withMockIntervals(async (tick) => {
        member.start(host);
        for (let second = 0; second < 60; second += 1) {
          tick(1_000);
        }
        // At the start why it rests and a heartbeat; then both again, what the cluster says of its load, where it is one, and what campaigns
        // are owed, which is nothing.
        expect(asked).to.equal(store.engine === "fdb" ? 5 : 4);
        answered.open();
        await member.stop();
      });
    });

    it("says that it has lost Redis", async () => {
      host.isConnected = false;
      member.start(host);
      await eventually("it is heard of", async () => (await heartbeats()).length === 1);
      expect((await heartbeats())[0]).to.include({ queueLost: true });
    });

    it("calls slots throttled that the governor withholds", async function () {
      this.timeout(60_000);
      governor.decide({ level: "severe", because: "storage queue 950 MB" });
      nowMs += 2_000;
      member.start(host);
      await eventually("it is heard of", async () => (await heartbeats()).length === 1);
      const [heartbeat] = await heartbeats();
      expect(heartbeat?.activitySeconds).to.deep.include({ throttled_store: 8 });
      expect(heartbeat).to.deep.include({ limit: 0, throttledBecause: "storage queue 950 MB" });
    });
  });
});

function total(heartbeats: readonly Heartbeat[]): number {
  return Object.values(heartbeats[0]?.activitySeconds ?? {}).reduce((sum, seconds) => sum + seconds, 0);
}
