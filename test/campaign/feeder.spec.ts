import { expect } from "chai";
import { auditCampaign } from "../../src/campaign/audit.ts";
import { readCounts, type CampaignCounts } from "../../src/campaign/campaign-counts.ts";
import { campaignLedger } from "../../src/campaign/campaign-ledger.ts";
import { createCampaign, readCampaignHistory } from "../../src/campaign/campaign-store.ts";
import { applyVerb, changeSettings } from "../../src/campaign/campaign-verbs.ts";
import { type CampaignFilters, type CampaignSettings, type CampaignSpec } from "../../src/campaign/campaign.ts";
import { deleteCampaign } from "../../src/campaign/delete-campaign.ts";
import type { FeedRequest } from "../../src/campaign/feed-queue.ts";
import { FEEDER, FEEDER_OWNER } from "../../src/campaign/campaign-keys.ts";
import { readFeederLease } from "../../src/campaign/feeder-lease.ts";
import { lostJobs } from "../../src/campaign/lost-jobs.ts";
import { addActors, finishScan } from "../../src/campaign/membership.ts";
import { unwaiveActor, waiveActor } from "../../src/campaign/waive.ts";
import type { ActorId } from "../../src/formats/actor-id.ts";
import { allRows } from "../../src/campaign/audit.ts";
import { FERRY_PREFIX } from "../../src/migration/ferry-keys.ts";
import { outcomeOf } from "../../src/migration/verdict.ts";
import type { Store } from "../../src/store/store.ts";
import {
  actorIds,
  campaignOf,
  makeFeeder,
  MemoryQueue,
  MIGRATED,
  TEST_SPEC,
  TestClock,
  type Finding,
  work,
  writeSizes,
} from "../support/campaign-fleet.ts";
import { forEachEngine } from "../support/stores.ts";

const OPERATOR = { who: "test" };
const MIB = 1024 * 1024;
const EIGHT_OF_EIGHT = "Circuit breaker: 8 of 8 finished actors were rejected or failed (limit 50 %).";

describe("the feeder", () => {
  forEachEngine((makeStore) => {
    let store: Store;
    let queue: MemoryQueue;
    let clock: TestClock;

    beforeEach(async () => {
      store = await makeStore();
      queue = new MemoryQueue();
      clock = new TestClock();
    });

    const create = async (
      name: string,
      patch: Partial<CampaignSpec> = {},
      settings: Partial<CampaignSettings> = {},
    ): Promise<void> => {
      const spec: CampaignSpec = { ...TEST_SPEC, ...patch };
      await createCampaign(store, { name, spec, settings: { window: 10, ...settings } }, OPERATOR, clock.now());
      await applyVerb(store, name, "start", { author: OPERATOR, nowMs: clock.now() });
    };
    const counts = async (name: string): Promise<CampaignCounts> => store.transact(async (tx) => readCounts(tx, name));
    const seed = async (count: number, sizeOf: (index: number) => number = () => 4096): Promise<void> => {
      await writeSizes(store, new Map(actorIds(count).map((id, index) => [id, sizeOf(index)])));
    };
    const runToEnd = async (name: string, find: Finding = () => MIGRATED): Promise<void> => {
      const feeder = makeFeeder({ store, queue, clock });
      for (let round = 0; round < 1000; round += 1) {
        await feeder.tick();
        await work({ store, queue, clock }, find);
        clock.nowMs += 1000;
        if ((await campaignOf(store, name)).state !== "running") {
          return;
        }
      }
      throw new Error("the campaign did not end");
    };

    /** Whose actors are done as soon as they are on it. */
    class WorkedQueue extends MemoryQueue {
      readonly #campaign: string;

      constructor(campaign: string) {
        super();
        this.#campaign = campaign;
      }

      override async feed(requests: readonly FeedRequest[]): Promise<void> {
        await super.feed(requests);
        await store.transact(async (tx) => {
          for (const { actorId } of requests) {
            const ledger = campaignLedger(this.#campaign, clock.now);
            const facts = {
              previous: await ledger.read(tx, actorId),
              finishedAtMs: clock.now(),
              campaign: this.#campaign,
            };
            ledger.write(tx, outcomeOf(actorId, MIGRATED, facts), facts.previous);
          }
        });
      }
    }

    it("feeds every actor once, never more than the window at a time, and completes", async () => {
      await seed(95);
      await create("all");
      await runToEnd("all");
      expect((await campaignOf(store, "all")).state).to.equal("completed");
      expect(queue.fed).to.equal(95);
      expect(queue.largest).to.be.at.most(10);
      expect((await counts("all")).done.migrated).to.deep.equal({ actors: 95, bytes: 95 * 4096 });
      expect(await auditCampaign(store, "all")).to.deep.equal({ actors: 95, moving: false, differences: [] });
    });

    it("takes small actors first, and only them while the scan is not over", async () => {
      await seed(30, (index) => (index % 3) * 80 * MIB);
      await create("sizes", {}, { window: 1000 });
      const feeder = makeFeeder({ store, queue, clock });
      await feeder.tick();
      await feeder.tick();
      const sizes = [...queue.jobs.values()].map(({ actorId }) => actorIds(30).indexOf(actorId) % 3);
      expect(sizes.slice(0, 10)).to.deep.equal(new Array(10).fill(0));
      expect(sizes).to.have.length(30);
    });

    it("applies filters: label, size and a fixed sample", async () => {
      await seed(200, (index) => index * 100);
      const pick = async (name: string, filters: CampaignFilters): Promise<number> => {
        await create(name, { filters }, { window: 1000 });
        await makeFeeder({ store, queue, clock }, "f").tick();
        const { todo, open } = await counts(name);
        await applyVerb(store, name, "pause", { author: OPERATOR, nowMs: clock.now() });
        return todo.actors + open.actors;
      };
      expect(await pick("label", { label: 2 })).to.equal(0);
      expect(await pick("same-label", { label: 1 })).to.equal(200);
      expect(await pick("size", { minBytes: 1000, maxBytes: 1999 })).to.equal(10);
      expect(await pick("sample", { samplePercent: 25 })).to.equal(await pick("again", { samplePercent: 25 }));
    });

    it("feeds a list once however often an id is on it", async () => {
      const ids = actorIds(20);
      await seed(20);
      await create("list", { source: { kind: "list" } });
      expect(await addActors(store, "list", [...ids, ...ids])).to.deep.equal({ added: 20, left: 20 });
      await finishScan(store, "list");
      await runToEnd("list");
      expect(queue.fed).to.equal(20);
    });

    it("feeds an id once that is twice on a list, and whose size has crossed a lane's bound meanwhile", async () => {
      for (const [name, sizes] of [
        ["grows", [4096, 2 * MIB]],
        ["shrinks", [100 * MIB, 4096]],
      ] as const) {
        await create(name, { source: { kind: "list" } });
        const added = [];
        for (const size of sizes) {
          await seed(1, () => size);
          added.push((await addActors(store, name, actorIds(1))).added);
        }
        await finishScan(store, name);
        const fedBefore = queue.fed;
        await runToEnd(name);
        expect([added, queue.fed - fedBefore]).to.deep.equal([[1, 0], 1]);
        expect((await auditCampaign(store, name)).differences).to.deep.equal([]);
        expect(await campaignOf(store, name)).to.include({ state: "completed" });
      }
    });

    it("feeds deferred actors again after growing delays, and gives them up at the limit", async () => {
      await seed(4);
      await create("naps");
      await runToEnd("naps", () => ({ state: "deferred", reason: "actor_awake", detail: "awake" }) as never);
      expect(queue.fed).to.equal(4 * 4);
      expect((await counts("naps")).done.deferred.actors).to.equal(4);
      expect((await auditCampaign(store, "naps")).differences).to.deep.equal([]);
    });

    it("finds every actor again when the queue forgets, and migrates none twice", async () => {
      await seed(60);
      await create("flushed");
      const feeder = makeFeeder({ store, queue, clock });
      await feeder.tick();
      await work({ store, queue, clock }, () => MIGRATED, 5);
      queue.flush();
      clock.nowMs += 60_000;
      await runToEnd("flushed");
      expect((await counts("flushed")).done.migrated.actors).to.equal(60);
      expect((await auditCampaign(store, "flushed")).differences).to.deep.equal([]);
    });

    it("feeds what the scan has found while it goes on", async () => {
      await seed(3_000);
      await create("long", {}, { window: 1_000 });
      const whileScanning: boolean[] = [];
      class NotingQueue extends MemoryQueue {
        override async feed(requests: readonly FeedRequest[]): Promise<void> {
          whileScanning.push(!(await campaignOf(store, "long")).scanFinished);
          await super.feed(requests);
        }
      }
      queue = new NotingQueue();
      await makeFeeder({ store, queue, clock }).tick();
      expect(whileScanning).to.include(true);
      expect(queue.fed).to.equal(1_000);
    });

    it("feeds on within a round where workers empty the window meanwhile", async () => {
      await create("fast", { source: { kind: "list" } }, { window: 1_100 });
      await addActors(store, "fast", actorIds(1_500));
      await finishScan(store, "fast");
      queue = new WorkedQueue("fast");
      await makeFeeder({ store, queue, clock }).tick();
      expect(queue.fed).to.equal(1_500);
    });

    it("feeds on while a round of the scan takes its time", async () => {
      await seed(3_000);
      await create("slow", {}, { window: 500 });
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
      queue = new CountingQueue("slow");
      let scanning = 0;
      const slowScan: Store = {
        url: store.url,
        engine: store.engine,
        transact: async (body, options) => {
          scanning += options?.label === "campaign_scan" ? 1 : 0;
          // The first round has a transaction per range, the second waits.
          if (options?.label === "campaign_scan" && scanning > 16) {
            await fedEnough;
          }
          return store.transact(body, options);
        },
        close: async () => store.close(),
      };
      await makeFeeder({ store: slowScan, queue, clock }).tick();
      expect(queue.fed).to.be.at.least(1_500);
    });

    it("goes on feeding while it looks for lost jobs", async () => {
      await seed(40);
      await create("busy", { source: { kind: "list" } });
      await addActors(store, "busy", actorIds(40));
      await finishScan(store, "busy");
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
      queue = new SlowQueue();
      const feeder = makeFeeder({ store, queue, clock });
      await feeder.tick();
      await work({ store, queue, clock }, () => MIGRATED, 6);
      clock.nowMs += 60_000;
      await feeder.tick();
      expect(queue.jobs.size).to.equal(10);
    });

    it("does not take actors for lost that were fed after it began to look", async () => {
      await seed(600);
      await create("fresh", {}, { window: 600 });
      await makeFeeder({ store, queue, clock }).tick();
      queue.flush();
      clock.nowMs += 4_000;
      const pages: number[] = [];
      for await (const lost of lostJobs(store, queue, "fresh", clock.now)) {
        pages.push(lost.length);
        clock.nowMs += 10_000;
      }
      expect(pages).to.deep.equal([0, 0]);
    });

    it("tells in each round of every campaign there is, and no longer of one that was deleted", async () => {
      await create("stays");
      await create("goes");
      const rounds: string[][] = [];
      const feeder = makeFeeder({ store, queue, clock }, "feeder-1", {
        counted: (all) => {
          rounds.push(all.map(({ campaign }) => campaign.name));
        },
      });
      await feeder.tick();
      await applyVerb(store, "goes", "cancel", { author: OPERATOR, nowMs: clock.now() });
      await deleteCampaign(store, "goes");
      await feeder.tick();
      expect(rounds).to.deep.equal([["goes", "stays"], ["stays"]]);
    });

    it("takes nothing of a deleted campaign's pace for one that is created under its name", async () => {
      await seed(20);
      const feeder = makeFeeder({ store, queue, clock });
      const fedAtOnce = async (): Promise<number> => {
        await create("again", {}, { window: 100, actorsPerSecond: 5 });
        const before = queue.fed;
        await feeder.tick();
        await feeder.tick();
        return queue.fed - before;
      };
      expect(await fedAtOnce()).to.equal(5);
      await applyVerb(store, "again", "cancel", { author: OPERATOR, nowMs: clock.now() });
      await work({ store, queue, clock }, () => MIGRATED);
      await feeder.tick();
      await deleteCampaign(store, "again");
      await feeder.tick();
      expect(await fedAtOnce()).to.equal(5);
    });

    it("commits its lease when it is time to renew it, not with every round", async () => {
      await create("idle");
      const committed = new Set<string>();
      const feeder = makeFeeder({ store, queue, clock });
      const expiries = async (): Promise<number> => {
        await feeder.tick();
        committed.add(JSON.stringify(await store.transact(readFeederLease)));
        clock.nowMs += 700;
        return committed.size;
      };
      expect([await expiries(), await expiries(), await expiries(), await expiries()]).to.deep.equal([1, 1, 1, 2]);
    });

    it("lets only one of two feeders feed, and the other take over when the first falls silent", async () => {
      await seed(50);
      await create("two", {}, { window: 5 });
      const leading: string[] = [];
      const note = (token: string) => ({
        leading: (leads: boolean): void => {
          leading.push(...(leads ? [token] : []));
        },
      });
      const first = makeFeeder({ store, queue, clock }, "a", note("a"));
      const second = makeFeeder({ store, queue, clock }, "b", note("b"));
      await first.tick();
      await second.tick();
      expect(leading).to.deep.equal(["a"]);
      clock.nowMs += 7_000;
      await second.tick();
      expect(leading).to.deep.equal(["a", "b"]);
      await first.tick();
      expect(leading).to.deep.equal(["a", "b"]);
    });

    describe("beside another whose clock is another", () => {
      const HOUR_MS = 3_600_000;
      const clockAhead = (ms: number): TestClock => {
        const ahead = new TestClock();
        ahead.nowMs = clock.nowMs + ms;
        return ahead;
      };
      /** Ticks every 250 ms for so long, on every feeder's own clock. @returns who began to lead, and after how many ms. */
      const tickFor = async (ms: number, clocks: ReadonlyMap<string, TestClock>): Promise<[string, number][]> => {
        const leading: [string, number][] = [];
        let passed = 0;
        const feeders = [...clocks].map(([token, own]) =>
          makeFeeder({ store, queue, clock: own }, token, {
            leading: (leads) => {
              leading.push(...(leads ? [[token, passed] as [string, number]] : []));
            },
          }),
        );
        for (; passed <= ms; passed += 250) {
          for (const feeder of feeders) {
            await feeder.tick();
          }
          for (const own of clocks.values()) {
            own.nowMs += 250;
          }
        }
        return leading;
      };

      it("takes over within seconds when that is killed, and feeds again what it had recorded and not put on the queue", async () => {
        await seed(50);
        await create("two", {}, { window: 5 });
        await makeFeeder({ store, queue, clock: clockAhead(2 * HOUR_MS) }, "killed").tick();
        queue.flush();
        expect(await tickFor(6_500, new Map([["next", clock]]))).to.deep.equal([["next", 6_000]]);
        expect(queue.jobs.size).to.equal(5);
      });

      it("does not take turns with it while both live", async () => {
        await create("idle");
        for (const [aheadMs, leaders] of [
          [2 * HOUR_MS, ["first"]],
          [3_000, ["first"]],
          [-3_000, ["first"]],
          // By the second's clock the first lets every lease run out.
          [-2 * HOUR_MS, ["first", "second"]],
        ] as const) {
          await store.transact((tx) => {
            tx.clear(FEEDER);
            tx.clear(FEEDER_OWNER);
            return Promise.resolve();
          });
          const clocks = new Map([
            ["first", clockAhead(aheadMs)],
            ["second", clock],
          ]);
          const led = (await tickFor(20_000, clocks)).map(([token]) => token);
          expect(led, `${aheadMs} ms`).to.deep.equal(leaders);
        }
      });

      it("is fenced where that takes over from it", async () => {
        await seed(50);
        await create("two", {}, { window: 5 });
        const replaced = makeFeeder({ store, queue, clock: clockAhead(2 * HOUR_MS) }, "replaced");
        await replaced.tick();
        expect(await tickFor(6_500, new Map([["next", clock]]))).to.deep.equal([["next", 6_000]]);
        await work({ store, queue, clock }, () => MIGRATED, 3);
        const before = await counts("two");
        expect(before.open.actors).to.equal(2);
        const error: unknown = await replaced.tick().catch((thrown: unknown) => thrown);
        expect(error).to.include({ code: "feeder_replaced" });
        expect(await counts("two")).to.deep.equal(before);
        expect(queue.jobs.size).to.equal(2);
      });

      it("renews its lease where its own clock is put back", async () => {
        await create("idle");
        const back = clockAhead(2 * HOUR_MS);
        const feeder = makeFeeder({ store, queue, clock: back });
        await feeder.tick();
        const before = await store.transact(readFeederLease);
        back.nowMs -= 2 * HOUR_MS;
        await feeder.tick();
        expect(await store.transact(readFeederLease)).not.to.deep.equal(before);
      });
    });

    describe("that cannot", () => {
      /** Runs a feeder until it has failed three times and then fed; what it said of its leading, the last time when it was stopped. */
      const leadings = async (fleet: { store: Store; queue: MemoryQueue }, mend: () => void): Promise<boolean[]> => {
        const said: boolean[] = [];
        const [end, idle] = [new AbortController(), { rounds: 0 }];
        let failures = 0;
        await makeFeeder({ ...fleet, clock }, "feeder-1", {
          leading: (leads) => said.push(leads),
          failed: () => {
            failures += 1;
            if (failures === 3) {
              mend();
            }
          },
          counted: () => {
            idle.rounds += failures < 3 ? 0 : 1;
            clock.nowMs += 5_000;
            if (idle.rounds > 5) {
              end.abort();
            }
          },
        }).run(end.signal);
        expect(failures).to.equal(3);
        return said;
      };

      it("feeds on as the one that leads, and loses nothing, where it is the queue that refused", async () => {
        let isFull = true;
        class FullQueue extends WorkedQueue {
          override feed(requests: readonly FeedRequest[]): Promise<void> {
            return isFull ? Promise.reject(new Error("OOM")) : super.feed(requests);
          }
        }
        const full = new FullQueue("one");
        await seed(60);
        await create("one", {}, { window: 30 });
        expect(await leadings({ store, queue: full }, () => (isFull = false))).to.deep.equal([true, false]);
        expect((await counts("one")).done.migrated.actors).to.equal(60);
      });

      it("leads no more where it cannot tell whether it does", async () => {
        let isAway = false;
        const leaving: Store = {
          url: store.url,
          engine: store.engine,
          transact: (body, options) =>
            isAway ? Promise.reject(new Error("away")) : store.transact(body, { ...options, maxAttempts: 1 }),
          close: () => store.close(),
        };
        await seed(30);
        await create("one", {}, { window: 30 });
        const leave = new MemoryQueue();
        leave.turn = () => {
          isAway = true;
          leave.turn = () => Promise.resolve(undefined);
          return Promise.resolve(undefined);
        };
        const said = await leadings({ store: leaving, queue: leave }, () => (isAway = false));
        expect(said).to.deep.equal([true, false, true, false]);
      });
    });

    it("pauses: jobs that lie in the queue go back, resume brings them again, nothing is lost or done twice", async () => {
      await seed(40);
      await create("paused");
      const feeder = makeFeeder({ store, queue, clock });
      await feeder.tick();
      await work({ store, queue, clock }, () => MIGRATED, 3);
      const paused = await applyVerb(store, "paused", "pause", {
        author: { who: "test", reason: "lunch" },
        nowMs: clock.now(),
      });
      expect(paused).to.include({ result: "changed", before: "running" });
      expect((await applyVerb(store, "paused", "pause", { author: OPERATOR, nowMs: clock.now() })).result).to.equal(
        "already",
      );
      await work({ store, queue, clock }, () => MIGRATED);
      const held = await counts("paused");
      expect([held.open.actors, held.done.migrated.actors]).to.deep.equal([0, 3]);
      await feeder.tick();
      expect(queue.jobs.size).to.equal(0);
      await applyVerb(store, "paused", "resume", { author: OPERATOR, nowMs: clock.now() });
      await runToEnd("paused");
      expect((await counts("paused")).done.migrated.actors).to.equal(40);
      const what = (await readCampaignHistory(store, "paused")).map((entry) => entry.what);
      expect(what).to.have.members(["create", "start", "pause", "resume", "completed"]);
    });

    it("cancels: what is in flight ends, the rest stays undone", async () => {
      await seed(40);
      await create("cancelled");
      const feeder = makeFeeder({ store, queue, clock });
      await feeder.tick();
      await work({ store, queue, clock }, () => MIGRATED, 2);
      await applyVerb(store, "cancelled", "cancel", { author: OPERATOR, nowMs: clock.now() });
      await work({ store, queue, clock }, () => MIGRATED);
      await feeder.tick();
      expect((await campaignOf(store, "cancelled")).state).to.equal("cancelled");
      const end = await counts("cancelled");
      expect([end.done.migrated.actors, end.open.actors, end.todo.actors]).to.deep.equal([2, 0, 38]);
    });

    it("puts actors back whose jobs were lost while it was being cancelled", async () => {
      await seed(20);
      await create("lost");
      const feeder = makeFeeder({ store, queue, clock });
      await feeder.tick();
      await applyVerb(store, "lost", "cancel", { author: OPERATOR, nowMs: clock.now() });
      queue.flush();
      clock.nowMs += 60_000;
      await feeder.tick();
      await feeder.tick();
      expect((await campaignOf(store, "lost")).state).to.equal("cancelled");
      expect((await counts("lost")).todo.actors).to.equal(20);
    });

    it("trips the circuit breaker, and goes on from there after resume", async () => {
      await seed(100);
      await create("broken", {}, { window: 60 });
      const rejected = () => ({ state: "rejected", reason: "magic_mismatch", detail: "" }) as never;
      await runToEnd("broken", rejected);
      const tripped = await campaignOf(store, "broken");
      expect(tripped.state).to.equal("paused");
      expect(tripped.stateReason).to.match(/Circuit breaker: 60 of 60/);
      expect(tripped.breakerTripped).to.equal(true);
      const resumed = await applyVerb(store, "broken", "resume", { author: OPERATOR, nowMs: clock.now() });
      expect(resumed.campaign).not.to.have.property("breakerTripped");
      await runToEnd("broken");
      const end = await counts("broken");
      expect([end.done.rejected.actors, end.done.migrated.actors]).to.deep.equal([60, 40]);
    });

    for (const when of ["before", "after"] as const) {
      it(`lets waivers ${when} a resume neither blind the circuit breaker, nor trip it when they are taken back`, async () => {
        await seed(24);
        await create("broken", { breaker: { percent: 50, actors: 5 } }, { window: 8 });
        const decision = { who: "ada", at: "2027-01-01T00:00:00.000Z", why: "leave it" };
        const bad: ActorId[] = [];
        const reject = (id: ActorId): never => {
          bad.push(id);
          return { state: "rejected", reason: "magic_mismatch", detail: "" } as never;
        };
        const resume = async (): Promise<unknown> =>
          applyVerb(store, "broken", "resume", { author: OPERATOR, nowMs: clock.now() });
        await runToEnd("broken", reject);
        const waived = [...bad];
        const waive = async (): Promise<unknown> =>
          Promise.all(waived.map(async (id) => waiveActor(store, id, decision)));
        await (when === "before" ? waive().then(resume) : resume().then(waive));
        await runToEnd("broken", reject);
        expect(await campaignOf(store, "broken")).to.include({ state: "paused", stateReason: EIGHT_OF_EIGHT });
        await resume();
        await Promise.all(waived.map(async (id) => unwaiveActor(store, id, decision)));
        await runToEnd("broken");
        expect(await campaignOf(store, "broken")).to.include({ state: "completed" });
        const { rejected, migrated } = (await counts("broken")).done;
        expect([rejected.actors, migrated.actors]).to.deep.equal([16, 8]);
        expect((await auditCampaign(store, "broken")).differences).to.deep.equal([]);
      });
    }

    it("keeps to the rates, which can be changed while it runs and end by themselves", async () => {
      await seed(200);
      await create("slow", {}, { window: 1000, actorsPerSecond: 5 });
      const feeder = makeFeeder({ store, queue, clock });
      for (let second = 0; second < 10; second += 1) {
        await feeder.tick();
        await work({ store, queue, clock }, () => MIGRATED);
        clock.nowMs += 1000;
      }
      expect(queue.fed).to.be.within(45, 55);
      await changeSettings(store, "slow", { ratesUntilMs: clock.now() - 1 }, { author: OPERATOR, nowMs: clock.now() });
      await feeder.tick();
      expect(queue.fed).to.equal(200);
    });

    it("does not let a small campaign wait behind a big one", async () => {
      await seed(100);
      await create("big", {}, { window: 80 });
      const feeder = makeFeeder({ store, queue, clock });
      await feeder.tick();
      await create("small", { filters: { samplePercent: 10 } }, { window: 80 });
      await feeder.tick();
      const small = (await counts("small")).open.actors;
      expect(small).to.be.greaterThan(0);
      const order = [];
      for (let job = queue.take(); job !== undefined; job = queue.take()) {
        order.push(job.campaign);
      }
      expect(order.lastIndexOf("small")).to.be.at.most(2 * small);
    });

    it("deletes a campaign without a trace, and keeps the ledger", async () => {
      await seed(5);
      await create("gone");
      await runToEnd("gone");
      await deleteCampaign(store, "gone");
      const left = [];
      for await (const row of allRows(store, FERRY_PREFIX)) {
        left.push(Buffer.from(row.key).toString("latin1"));
      }
      expect(left.filter((key) => key.includes("gone"))).to.deep.equal([]);
      expect(left.filter((key) => key.includes("outcome"))).to.have.length(5);
    });
  });
});
