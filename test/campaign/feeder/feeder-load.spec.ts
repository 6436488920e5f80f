import { expect } from "chai";
import { moveCount } from "../../../src/campaign/campaign-counts.ts";
import { createCampaign } from "../../../src/campaign/create-campaign.ts";
import { applyVerb } from "../../../src/campaign/campaign-verbs.ts";
import { readFeederLease } from "../../../src/campaign/feeder/feeder-lease.ts";
import type { Store } from "../../../src/store/store.ts";
import { eventually, gate } from "../../queue/eventually.ts";
import { makeFeeder, MemoryQueue, TEST_SPEC, TestClock } from "../../support/campaign-fleet.ts";
import { forEachEngine } from "../../support/stores.ts";

const OPERATOR = { who: "test" };

describe("a feeder with much to do, or held back", () => {
  forEachEngine((makeStore) => {
    let store: Store;
    let queue: MemoryQueue;
    let clock: TestClock;

    beforeEach(async () => {
      store = await makeStore();
      queue = new MemoryQueue();
      clock = new TestClock();
    });

    const create = async (name: string): Promise<void> => {
      await createCampaign(store, { name, spec: TEST_SPEC, settings: { window: 10 } }, OPERATOR, clock.now());
      await applyVerb(store, name, "start", { author: OPERATOR, nowMs: clock.now() });
    };

    it("keeps its lease while the store holds back what has batch priority", async () => {
      await create("idle");
      const [held, end] = [gate(), new AbortController()];
      let holdsBack = false;
      const busy: Store = {
        url: store.url,
        engine: store.engine,
        transact: async (body, options) => {
          await (holdsBack && options?.priority === undefined ? held.opened : undefined);
          return store.transact(body, options);
        },
        close: () => store.close(),
      };
      const leading: string[] = [];
      const first = makeFeeder({ store: busy, queue, clock }, "first", {
        leading: (leads) => leading.push(`first ${leads}`),
        counted: () => (holdsBack = true),
      });
      const second = makeFeeder({ store, queue, clock }, "second", {
        leading: (leads) => leading.push(`second ${leads}`),
      });
      const running = first.run(end.signal);
      try {
        await eventually("the first holds the lease and is held back", () => holdsBack);
        for (let passed = 0; passed < 20_000; passed += 5_000) {
          clock.nowMs += 5_000;
          const isRenewed = async (): Promise<boolean> =>
            ((await store.transact(readFeederLease))?.expiresAtMs ?? 0) > clock.nowMs + 5_000;
          await eventually("the first renews its lease", isRenewed, 5_000);
          await second.tick();
        }
        expect(leading).to.deep.equal(["first true"]);
      } finally {
        end.abort();
        held.open();
        await running;
      }
      expect(leading).to.deep.equal(["first true", "first false"]);
    });

    it("counts a thousand campaigns in a few transactions, and those that are over only now and then", async () => {
      for (let index = 0; index < 120; index += 1) {
        await create(`over-${index}`);
        await applyVerb(store, `over-${index}`, "cancel", { author: OPERATOR, nowMs: clock.now() });
      }
      let transactions = 0;
      const noted: Store = {
        url: store.url,
        engine: store.engine,
        transact: (body, options) => {
          transactions += options?.label === "campaign" ? 1 : 0;
          return store.transact(body, options);
        },
        close: () => store.close(),
      };
      let rolledBack = 0;
      const feeder = makeFeeder({ store: noted, queue, clock }, "feeder-1", {
        counted: (all) => {
          expect(all).to.have.length(120);
          rolledBack = all.find(({ campaign }) => campaign.name === "over-7")?.counts.done.skipped.actors ?? NaN;
        },
      });
      await feeder.tick();
      expect(transactions).to.equal(4);
      await store.transact((tx) => {
        moveCount(tx, "over-7", 4096, { from: undefined, to: { state: "skipped", reason: "rolled_back" } });
        return Promise.resolve();
      });
      for (const laterMs of [0, 9_999]) {
        clock.nowMs += laterMs;
        await feeder.tick();
        expect(rolledBack, `${laterMs} ms later`).to.equal(0);
      }
      // Of the time since they were counted, however often they were looked at.
      clock.nowMs += 1;
      await feeder.tick();
      expect(rolledBack).to.equal(1);
    });
  });
});
