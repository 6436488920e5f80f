import { expect } from "chai";
import { auditCampaign } from "../../../src/campaign/audit.ts";
import { readCounts } from "../../../src/campaign/campaign-counts.ts";
import type { CampaignActor } from "../../../src/campaign/campaign.ts";
import { campaignLedger, deferDelayMs, readCampaignActor } from "../../../src/campaign/ledger/campaign-ledger.ts";
import { readOutcome } from "../../../src/campaign/ledger/ledger.ts";
import type { Outcome } from "../../../src/migration/outcome.ts";
import type { Store } from "../../../src/store/store.ts";
import { feedAll, startCampaign } from "../../support/campaign-scene.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { attempt, TestClock, type AttemptOptions } from "../../support/reference-attempt.ts";
import { lifeRow, syntheticImage, testActor, v1Rows } from "../../support/v1-actors.ts";

const ACTOR = testActor(7);
const HOUR_MS = 3_600_000;
const AWAKE = [...v1Rows(ACTOR, syntheticImage(3, "text")), lifeRow(ACTOR, "CONNECTABLE")];

describe("the ledger of a campaign's job", () => {
  let store: MemoryStore;
  let clock: TestClock;
  /** Called when an attempt's transaction begins for the n-th time. */
  let begins: (time: number) => Promise<void>;

  beforeEach(async () => {
    begins = () => Promise.resolve();
    let times = 0;
    store = new MemoryStore({
      gate: async (point, label) => {
        if (label === "migrate_small" && point === "begin") {
          times += 1;
          await begins(times);
        }
      },
    });
    clock = new TestClock();
    store.load(AWAKE);
    await startCampaign(store, "c", { ids: [ACTOR.id] });
  });

  async function feed(): Promise<number> {
    return (await feedAll(store, "c", clock.nowMs)).length;
  }

  async function run(on: Store, options: AttemptOptions = {}): Promise<Outcome> {
    const context = { ...options.context, ledger: campaignLedger("c", clock.now) };
    return attempt(on, ACTOR, clock, { campaign: "c", ...options, context });
  }

  async function actor(): Promise<CampaignActor | undefined> {
    const row = await store.transact(async (tx) => readCampaignActor(tx, "c", ACTOR.id));
    expect((await auditCampaign(store, "c")).differences).to.deep.equal([]);
    return row;
  }

  it("counts a deferral once whose commit was unknown and did happen, and waits no longer for it", async () => {
    for (const round of [1, 2, 3]) {
      expect(await feed()).to.equal(1);
      const { attempts } = await run(new FaultyStore(store, 1, "unknown_happened"));
      const { standing, deferrals, feeds, dueMs = 0 } = (await actor()) ?? {};
      expect({ standing, deferrals, feeds, attempts }).to.deep.equal({
        ...{ standing: "later", deferrals: round, feeds: round, attempts: round },
      });
      expect(dueMs - clock.nowMs).to.be.within(deferDelayMs(round) - 10, deferDelayMs(round));
      clock.advance(HOUR_MS);
    }
    await feed();
    await run(store);
    expect(await actor()).to.include({ standing: "done", state: "deferred", deferrals: 4 });
  });

  it("leaves an actor that was fed again before the deferral was known to have happened", async () => {
    await feed();
    begins = async (time) => {
      if (time === 2) {
        clock.advance(HOUR_MS);
        expect(await feed()).to.equal(1);
      }
    };
    await run(new FaultyStore(store, 1, "unknown_happened"));
    expect(await actor()).to.include({ standing: "open", deferrals: 1, feeds: 2 });
  });

  it("records what becomes of an actor that the campaign has not, or that was deleted, and counts nothing", async () => {
    const before = await store.transact(async (tx) => readCounts(tx, "c"));
    for (const campaign of ["c", "gone"]) {
      const id = testActor(8).id;
      await store.transact(async (tx) => {
        const own = campaignLedger(campaign, clock.now);
        const outcome: Outcome = { actorId: id, state: "skipped", reason: "no_v1_data", attempts: 1, finishedAt: "" };
        own.write(tx, { ...outcome, campaign }, await own.read(tx, id));
      });
      expect(await readOutcome(store, id)).to.include({ state: "skipped", campaign });
    }
    expect(await store.transact(async (tx) => readCounts(tx, "c"))).to.deep.equal(before);
    expect(await actor()).to.equal(undefined);
  });

  it("puts an actor off for 5 s, and twice as long each time, up to 10 min", () => {
    expect([1, 2, 3, 7, 8, 50].map(deferDelayMs)).to.deep.equal([5_000, 10_000, 20_000, 320_000, 600_000, 600_000]);
  });

  it("counts what a second run comes to where that is no deferral any more", async () => {
    await feed();
    begins = (time) => {
      if (time === 2) {
        const { key } = lifeRow(ACTOR, "CONNECTABLE");
        store.load([], [{ begin: key, end: Uint8Array.of(...key, 0) }]);
      }
      return Promise.resolve();
    };
    expect(await run(new FaultyStore(store, 1, "unknown_happened"))).to.include({ state: "migrated" });
    expect(await actor()).to.include({ standing: "done", state: "migrated", deferrals: 1 });
  });
});
