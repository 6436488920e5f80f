import { expect } from "chai";
import { createCampaign } from "../../../src/campaign/create-campaign.ts";
import { readCampaignHistory } from "../../../src/campaign/campaign-history.ts";
import { deleteCampaign } from "../../../src/campaign/delete-campaign.ts";
import { ResultCounts } from "../../../src/cli/after/result-counts.ts";
import { inHistory, type Deed } from "../../../src/cli/after/work-history.ts";
import { StoreError } from "../../../src/store/errors.ts";
import { campaignIn } from "../../support/campaign-facts.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";

const AUTHOR = { who: "ada", reason: "why" };

describe("work on a campaign's actors, in its history", () => {
  let store: MemoryStore;
  let counts: ResultCounts;
  let deed: Deed;
  let isAway: boolean;

  const create = (createdAtMs: number): Promise<unknown> => {
    const { spec, settings } = campaignIn("created");
    return createCampaign(store, { name: "c", spec, settings }, AUTHOR, createdAtMs);
  };
  const found = async (): Promise<[string, unknown][]> =>
    (await readCampaignHistory(store, "c")).slice(1).map(({ what, after }) => [what, after]);
  const work = (): Promise<void> => {
    counts.add("rolled_back");
    return Promise.resolve();
  };

  beforeEach(async () => {
    isAway = false;
    const away = new StoreError("unavailable", "It is away.");
    store = new MemoryStore({ gate: () => (isAway ? Promise.reject(away) : Promise.resolve()) });
    counts = new ResultCounts();
    deed = { store, campaign: "c", what: "rollback", author: AUTHOR };
    await create(1);
  });

  it("begins with an entry before the work, and ends with one behind it, also within a millisecond", async () => {
    for (let time = 1; time <= 20; time += 1) {
      await inHistory(deed, counts, async () => {
        expect((await found()).at(-1)).to.deep.equal(["rollback begun", undefined]);
        await work();
      });
      expect((await found()).slice(-2)).to.deep.equal([
        ["rollback begun", undefined],
        ["rollback ended", { rolled_back: time }],
      ]);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });

  it("has each entry once, where the commit was unknown and did happen", async () => {
    for (const at of [1, 2]) {
      await inHistory({ ...deed, store: new FaultyStore(store, at, "unknown_happened") }, counts, work);
      expect(await found()).to.have.length(2 * at);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });

  it("leaves a campaign alone that was created under its name since", async () => {
    await inHistory(deed, counts, async () => {
      await deleteCampaign(store, "c");
      await create(2);
    });
    expect(await found()).to.deep.equal([]);
  });

  it("fails as the work failed, also where the store cannot be told", async () => {
    const failure = new Error("of the work");
    const failed = await inHistory(deed, counts, () => {
      isAway = true;
      return Promise.reject(failure);
    }).catch((error: unknown) => error);
    expect(failed).to.equal(failure);
  });
});
