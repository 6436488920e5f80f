import { expect } from "chai";
import { FEEDER, FEEDER_OWNER } from "../../../src/campaign/campaign-keys.ts";
import type { FeedRequest } from "../../../src/campaign/feeder/feed-queue.ts";
import { dropFeederLease, readFeederLease } from "../../../src/campaign/feeder/feeder-lease.ts";
import type { FeederObserver } from "../../../src/campaign/feeder/feeder-observer.ts";
import type { Feeder } from "../../../src/campaign/feeder/feeder.ts";
import type { Store } from "../../../src/store/store.ts";
import { makeFeeder, MemoryQueue, TestClock } from "../../support/campaign-fleet.ts";
import { CampaignScene, WorkedQueue } from "../../support/campaign-scene.ts";
import { forEachEngine, storeWith } from "../../support/stores.ts";

describe("the lease of the feeder", () => {
  forEachEngine((makeStore) => {
    let scene: CampaignScene;

    beforeEach(async () => {
      scene = new CampaignScene(await makeStore());
    });

    it("is committed when it is time to renew it, not with every round", async () => {
      await scene.start("idle");
      const committed = new Set<string>();
      const feeder = scene.feeder();
      const expiries = async (): Promise<number> => {
        await feeder.tick();
        committed.add(JSON.stringify(await scene.store.transact(readFeederLease)));
        scene.clock.nowMs += 700;
        return committed.size;
      };
      expect([await expiries(), await expiries(), await expiries(), await expiries()]).to.deep.equal([1, 1, 1, 2]);
    });

    it("is one feeder's of two, and the other's when the first falls silent", async () => {
      await scene.seed(50);
      await scene.start("two", { settings: { window: 5 } });
      const leading: string[] = [];
      const note = (token: string) => ({
        leading: (leads: boolean): void => {
          leading.push(...(leads ? [token] : []));
        },
      });
      const first = scene.feeder("a", note("a"));
      const second = scene.feeder("b", note("b"));
      await first.tick();
      await second.tick();
      expect(leading).to.deep.equal(["a"]);
      scene.clock.nowMs += 7_000;
      await second.tick();
      expect(leading).to.deep.equal(["a", "b"]);
      await first.tick();
      expect(leading).to.deep.equal(["a", "b"]);
    });

    it("is not given up by one that has lost it", async () => {
      await scene.start("idle");
      await scene.feeder("a").tick();
      await dropFeederLease(scene.store, "b");
      expect(await scene.store.transact(readFeederLease)).to.include({ token: "a" });
    });

    it("cannot be given up where the store is away, and the feeder stops all the same", async () => {
      await scene.start("idle");
      const away = new Error("away");
      let isAway = false;
      const store = storeWith(scene.store, async (body, options) => {
        if (isAway) {
          throw away;
        }
        return scene.store.transact(body, options);
      });
      const told: unknown[] = [];
      const failed = (error: unknown): void => {
        told.push(error);
      };
      const leading: boolean[] = [];
      const feeder = makeFeeder({ store, queue: scene.queue, clock: scene.clock }, "feeder-1", {
        failed,
        leading: (leads) => leading.push(leads),
      });
      await feeder.tick();
      isAway = true;
      await feeder.run(AbortSignal.abort());
      expect([told, leading]).to.deep.equal([[away], [true, false]]);
    });

    describe("where the clocks of two feeders differ", () => {
      const HOUR_MS = 3_600_000;
      const clockAhead = (ms: number): TestClock => {
        const ahead = new TestClock();
        ahead.nowMs = scene.clock.nowMs + ms;
        return ahead;
      };
      const feederOn = (clock: TestClock, token?: string, observer?: Partial<FeederObserver>): Feeder =>
        makeFeeder({ store: scene.store, queue: scene.queue, clock }, token, observer);
      /** Ticks every 250 ms for so long, on every feeder's own clock. @returns who began to lead, and after how many ms. */
      const tickFor = async (ms: number, clocks: ReadonlyMap<string, TestClock>): Promise<[string, number][]> => {
        const leading: [string, number][] = [];
        let passed = 0;
        const feeders = [...clocks].map(([token, own]) =>
          feederOn(own, token, {
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

      it("is taken over within seconds from one that was killed, and what that had not put on the queue is fed again", async () => {
        await scene.seed(50);
        await scene.start("two", { settings: { window: 5 } });
        await feederOn(clockAhead(2 * HOUR_MS), "killed").tick();
        scene.queue.flush();
        expect(await tickFor(6_500, new Map([["next", scene.clock]]))).to.deep.equal([["next", 6_000]]);
        expect(scene.queue.jobs.size).to.equal(5);
      });

      it("stays where it is while both live", async () => {
        await scene.start("idle");
        for (const [aheadMs, leaders] of [
          [2 * HOUR_MS, ["first"]],
          [3_000, ["first"]],
          [-3_000, ["first"]],
          // By the second's clock the first lets every lease run out.
          [-2 * HOUR_MS, ["first", "second"]],
        ] as const) {
          await scene.store.transact((tx) => {
            tx.clear(FEEDER);
            tx.clear(FEEDER_OWNER);
            return Promise.resolve();
          });
          const clocks = new Map([
            ["first", clockAhead(aheadMs)],
            ["second", scene.clock],
          ]);
          const led = (await tickFor(20_000, clocks)).map(([token]) => token);
          expect(led, `${aheadMs} ms`).to.deep.equal(leaders);
        }
      });

      it("fences the one it was taken from", async () => {
        await scene.seed(50);
        await scene.start("two", { settings: { window: 5 } });
        const replaced = feederOn(clockAhead(2 * HOUR_MS), "replaced");
        await replaced.tick();
        expect(await tickFor(6_500, new Map([["next", scene.clock]]))).to.deep.equal([["next", 6_000]]);
        await scene.migrate(3);
        const before = await scene.counts("two");
        expect(before.open.actors).to.equal(2);
        const error: unknown = await replaced.tick().catch((thrown: unknown) => thrown);
        expect(error).to.include({ code: "feeder_replaced" });
        expect(await scene.counts("two")).to.deep.equal(before);
        expect(scene.queue.jobs.size).to.equal(2);
      });

      it("is renewed where its holder's clock is put back", async () => {
        await scene.start("idle");
        const back = clockAhead(2 * HOUR_MS);
        const feeder = feederOn(back);
        await feeder.tick();
        const before = await scene.store.transact(readFeederLease);
        back.nowMs -= 2 * HOUR_MS;
        await feeder.tick();
        expect(await scene.store.transact(readFeederLease)).not.to.deep.equal(before);
      });
    });

    describe("of one whose rounds fail", () => {
      /** Runs a feeder until it has failed three times and then fed; what it said of its leading, the last time when it was stopped. */
      const leadings = async (fleet: { store?: Store; queue: MemoryQueue }, mend: () => void): Promise<boolean[]> => {
        const said: boolean[] = [];
        const [end, idle] = [new AbortController(), { rounds: 0 }];
        let failures = 0;
        await makeFeeder({ store: scene.store, clock: scene.clock, ...fleet }, "feeder-1", {
          leading: (leads) => said.push(leads),
          failed: () => {
            failures += 1;
            if (failures === 3) {
              mend();
            }
          },
          counted: () => {
            idle.rounds += failures < 3 ? 0 : 1;
            scene.clock.nowMs += 5_000;
            if (idle.rounds > 5) {
              end.abort();
            }
          },
        }).run(end.signal);
        expect(failures).to.equal(3);
        return said;
      };

      it("stays, and no actor is lost, where it is the queue that refused", async () => {
        let isFull = true;
        class FullQueue extends WorkedQueue {
          override feed(requests: readonly FeedRequest[]): Promise<void> {
            return isFull ? Promise.reject(new Error("OOM")) : super.feed(requests);
          }
        }
        const full = new FullQueue(scene);
        await scene.seed(60);
        await scene.start("one", { settings: { window: 30 } });
        expect(await leadings({ queue: full }, () => (isFull = false))).to.deep.equal([true, false]);
        expect(await scene.migrated("one")).to.equal(60);
      });

      it("is given up where it cannot be read", async () => {
        let isAway = false;
        const leaving = storeWith(scene.store, (body, options) =>
          isAway ? Promise.reject(new Error("away")) : scene.store.transact(body, { ...options, maxAttempts: 1 }),
        );
        await scene.seed(30);
        await scene.start("one", { settings: { window: 30 } });
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
  });
});
