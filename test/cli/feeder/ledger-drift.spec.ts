import { expect } from "chai";
import { countKey } from "../../../src/campaign/campaign-keys.ts";
import { waiveActor } from "../../../src/campaign/rejects/waive.ts";
import { countLedgerDrift } from "../../../src/cli/feeder/ledger-drift.ts";
import type { ActorId } from "../../../src/formats/actor-id.ts";
import type { Store } from "../../../src/store/store.ts";
import { actorIds } from "../../support/campaign-fleet.ts";
import { CampaignScene } from "../../support/campaign-scene.ts";
import { forEachEngine, storeWith } from "../../support/stores.ts";

const IDS = actorIds(8);
const BY = { who: "test", at: "2027-01-01T00:00:00.000Z", why: "test" };

describe("the recount of a campaign that is over", () => {
  forEachEngine((makeStore) => {
    let store: Store;

    beforeEach(async () => {
      store = await makeStore();
      const scene = new CampaignScene(store);
      await scene.seed(IDS.length);
      await scene.start("c");
      await scene.feeder().tick();
      await scene.work(() => ({ state: "rejected", reason: "magic_mismatch", detail: "" }));
    });

    /** The same store, in which another actor is waived after each of the first so many reads of rows. */
    const waivingMeanwhile = (times: number): Store => {
      const ids: ActorId[] = IDS.slice(0, times);
      return storeWith(store, async (body, options) => {
        const result = await store.transact(body, options);
        // A recount reads the counts, as a map, before the rows and after them.
        const id = result instanceof Map ? undefined : ids.shift();
        if (id !== undefined) {
          await waiveActor(store, id, BY);
        }
        return result;
      });
    };

    it("finds none where counts and rows agree", async () => {
      expect(await countLedgerDrift(store, "c")).to.equal(0);
    });

    it("finds the actors of a count that is off", async () => {
      await store.transact((tx) => {
        tx.add(countKey("c", "actors", "rejected", "magic_mismatch"), -2n);
        tx.add(countKey("c", "bytes", "rejected", "magic_mismatch"), -5n);
        return Promise.resolve();
      });
      expect(await countLedgerDrift(store, "c")).to.equal(2);
    });

    it("takes an actor that is waived meanwhile for no drift", async () => {
      expect(await countLedgerDrift(waivingMeanwhile(3), "c")).to.equal(0);
      expect(await countLedgerDrift(store, "c")).to.equal(0);
    });

    it("says nothing where actors never stop moving", async () => {
      let moves = 0n;
      const moving = storeWith(store, async (body, options) => {
        await store.transact((tx) => {
          moves += 1n;
          tx.add(countKey("c", "bytes", "open", ""), moves);
          return Promise.resolve();
        });
        return store.transact(body, options);
      });
      expect(await countLedgerDrift(moving, "c")).to.equal(undefined);
    });
  });
});
