import { expect } from "chai";
import { applyVerdict } from "../../src/campaign/campaign-end.ts";
import { CAMPAIGNS, cursorPrefix, todoPrefix } from "../../src/campaign/campaign-keys.ts";
import { createCampaign } from "../../src/campaign/create-campaign.ts";
import { findCampaign } from "../../src/campaign/campaign-store.ts";
import { applyVerb } from "../../src/campaign/campaign-verbs.ts";
import type { Campaign, CampaignFilters } from "../../src/campaign/campaign.ts";
import { deleteCampaign } from "../../src/campaign/delete-campaign.ts";
import { takeActors } from "../../src/campaign/feeder/feed.ts";
import { addActors, finishScan } from "../../src/campaign/actors/membership.ts";
import { scanRound } from "../../src/campaign/actors/scan-round.ts";
import { UsageError } from "../../src/errors.ts";
import { findView } from "../../src/campaign/progress/view.ts";
import { prefixRange } from "../../src/formats/bytes.ts";
import { FERRY_PREFIX } from "../../src/migration/ferry-keys.ts";
import { campaignIn } from "../support/campaign-facts.ts";
import { actorIds, writeSizes } from "../support/campaign-fleet.ts";
import { feedAll } from "../support/campaign-scene.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { MemoryStore } from "../support/memory-store.ts";

const OPERATOR = { who: "ada" };
const IDS = actorIds(4);

describe("deleting a campaign", () => {
  let store: MemoryStore;
  /** Called when a transaction on campaigns begins for the n-th time since `watched`. */
  let begins: ((time: number) => Promise<unknown>) | undefined;

  beforeEach(async () => {
    let times = 0;
    begins = undefined;
    store = new MemoryStore({
      gate: async (point, label) => {
        const watcher = begins;
        if (watcher !== undefined && point === "begin" && label === "campaign") {
          times += 1;
          begins = undefined;
          await watcher(times);
          begins = watcher;
        }
      },
    });
    await writeSizes(store, new Map(IDS.map((id) => [id, 4096])));
  });

  async function create(kind: "list" | "scan", createdAtMs: number, filters: CampaignFilters = {}): Promise<Campaign> {
    const { spec, settings } = campaignIn("created");
    const wanted = { name: "c", spec: { ...spec, source: { kind }, filters }, settings };
    return (await createCampaign(store, wanted, OPERATOR, createdAtMs)).campaign;
  }

  async function createListed(): Promise<void> {
    await create("list", 1);
    await addActors(store, "c", IDS);
    await finishScan(store, "c");
  }

  const rowsOf = (prefix: Uint8Array): number => {
    const { begin, end } = prefixRange(prefix);
    return store.dump().filter(({ key }) => Buffer.compare(key, begin) >= 0 && Buffer.compare(key, end) < 0).length;
  };

  const find = (): Promise<Campaign | undefined> => store.transact(async (tx) => findCampaign(tx, "c"));

  it("refuses where it was started since it was looked at", async () => {
    await createListed();
    begins = async (time) => {
      if (time === 2) {
        await applyVerb(store, "c", "start", { author: OPERATOR, nowMs: 2 });
        const fed = await feedAll(store, "c", 3, 2);
        expect(fed).to.have.length(2);
      }
    };
    const error: unknown = await deleteCampaign(store, "c").catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(UsageError);
    expect(await find()).to.include({ state: "running" });
    expect(rowsOf(todoPrefix("c"))).to.equal(2);
  });

  it("is done once where the commit was unknown and did happen", async () => {
    await createListed();
    await deleteCampaign(new FaultyStore(store, 1, "unknown_happened"), "c");
    expect(rowsOf(FERRY_PREFIX)).to.equal(0);
  });

  it("leaves one that was created under its name since", async () => {
    await createListed();
    begins = async (time) => {
      if (time === 2) {
        await deleteCampaign(store, "c");
        await create("list", 2);
      }
    };
    await deleteCampaign(store, "c");
    expect(await find()).to.include({ createdAtMs: 2 });
    expect(rowsOf(CAMPAIGNS)).to.equal(1);
  });

  it("leaves it out of a list that was begun before", async () => {
    const listed = await create("list", 1);
    expect((await findView(store, listed, 2))?.campaign).to.deep.equal(listed);
    await deleteCampaign(store, "c");
    expect(await findView(store, listed, 3)).to.equal(undefined);
  });

  describe("while a feeder's round goes on", () => {
    let stale: Campaign;

    beforeEach(async () => {
      stale = await create("scan", 1);
      await deleteCampaign(store, "c");
    });

    it("ends the round's scan", async () => {
      expect(await scanRound(store, stale, () => Promise.resolve())).to.equal(true);
      expect(rowsOf(FERRY_PREFIX)).to.equal(0);
    });

    it("keeps the round off a campaign that has its name by then", async () => {
      await create("scan", 2, { minBytes: 1_000_000 });
      expect(await scanRound(store, stale, () => Promise.resolve())).to.equal(true);
      expect(await find()).to.include({ scanFinished: false });
      expect([rowsOf(todoPrefix("c")), rowsOf(cursorPrefix("c"))]).to.deep.equal([0, 0]);
    });

    it("does not let the round feed, or complete, one that is gone, nor one that has its name by then", async () => {
      const verdict = { from: "running", to: "completed", what: "completed" } as const;
      const feeding = { limit: { actors: 9, bytes: 1e9 }, guard: () => Promise.resolve(), nowMs: 4 };
      expect(await takeActors(store, stale, feeding)).to.deep.equal([]);
      expect(await applyVerdict(store, stale, verdict, { nowMs: 4 })).to.equal(undefined);
      expect(rowsOf(FERRY_PREFIX)).to.equal(0);
      await create("list", 2);
      await finishScan(store, "c");
      await applyVerb(store, "c", "start", { author: OPERATOR, nowMs: 3 });
      expect(await applyVerdict(store, stale, verdict, { nowMs: 4 })).to.equal(undefined);
      await addActors(store, "c", IDS);
      expect(await takeActors(store, stale, feeding)).to.deep.equal([]);
      expect(await find()).to.include({ state: "running" });
    });
  });
});
