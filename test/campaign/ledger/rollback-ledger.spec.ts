import { expect } from "chai";
import { auditCampaign } from "../../../src/campaign/audit.ts";
import { breakerCounts, readCounts } from "../../../src/campaign/campaign-counts.ts";
import { campaignLedger } from "../../../src/campaign/ledger/campaign-ledger.ts";
import { applyVerb } from "../../../src/campaign/campaign-verbs.ts";
import { deleteCampaign } from "../../../src/campaign/delete-campaign.ts";
import { readOutcome } from "../../../src/campaign/ledger/ledger.ts";
import { migratedActors } from "../../../src/campaign/actors/migrated-actors.ts";
import { makeReport } from "../../../src/campaign/report/report.ts";
import { rollbackLedger } from "../../../src/campaign/ledger/rollback-ledger.ts";
import { rollbackActor, type RollbackResult } from "../../../src/migration/rollback-actor.ts";
import type { Store } from "../../../src/store/store.ts";
import { feedAll, startCampaign } from "../../support/campaign-scene.ts";
import { FaultyStore, UNKNOWNS } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { attempt, contextOn, TestClock } from "../../support/reference-attempt.ts";
import { syntheticImage, testActor, v1Rows } from "../../support/v1-actors.ts";

const ACTORS = [1, 2].map(testActor);
const [ACTOR = testActor(1)] = ACTORS;

describe("the ledger of rollbacks", () => {
  let store: MemoryStore;
  let clock: TestClock;

  beforeEach(async () => {
    store = new MemoryStore();
    clock = new TestClock();
    store.load(ACTORS.flatMap((actor) => v1Rows(actor, syntheticImage(3, "text"))));
    await createAndRun("one");
    expect(await counted("one")).to.deep.equal({ migrated: 2 });
  });

  /** A campaign whose jobs leave alone what was rolled back. */
  async function createAndRun(name: string): Promise<void> {
    const ids = ACTORS.map(({ id }) => id);
    await startCampaign(store, name, { ids, spec: { source: { kind: "scan" } }, atMs: clock.nowMs });
    await feedAll(store, name, clock.nowMs);
    for (const actor of ACTORS) {
      clock.advance(1000);
      await attempt(store, actor, clock, { campaign: name, context: { ledger: campaignLedger(name, clock.now) } });
    }
  }

  const rollback = async (on: Store = store, dryRun = false): Promise<RollbackResult> =>
    rollbackActor(
      contextOn(on, clock, { ledger: rollbackLedger() }),
      ACTOR.id,
      { dryRun },
      new AbortController().signal,
    );

  async function counted(name: string): Promise<Record<string, number>> {
    expect((await auditCampaign(store, name)).differences).to.deep.equal([]);
    const { byReason } = await store.transact(async (tx) => readCounts(tx, name));
    return Object.fromEntries(byReason.map(({ state, reason, tally }) => [`${state} ${reason}`.trim(), tally.actors]));
  }

  async function migrated(name: string): Promise<string[]> {
    const ids: string[] = [];
    for await (const id of migratedActors(store, name)) {
      ids.push(id);
    }
    return ids;
  }

  it("has the campaign count the actor as rolled back, and keeps it among those it migrated", async () => {
    await rollback(store, true);
    expect(await counted("one")).to.deep.equal({ migrated: 2 });
    const atMs = clock.nowMs;
    const before = await makeReport(store, "one", atMs);
    expect((await rollback()).kind).to.equal("rolled_back");
    expect(await counted("one")).to.deep.equal({ migrated: 1, "skipped rolled_back": 1 });
    expect(await migrated("one")).to.have.members(ACTORS.map(({ id }) => id));
    const after = await makeReport(store, "one", atMs);
    expect([after.bytesPerSecond, before.bytesPerSecond > 0]).to.deep.equal([before.bytesPerSecond, true]);
    expect((await rollback()).kind).to.equal("rolled_back");
    expect(await counted("one")).to.deep.equal({ migrated: 1, "skipped rolled_back": 1 });
  });

  for (const fault of UNKNOWNS) {
    it(`counts once where the commit's result is unknown (${fault})`, async () => {
      expect((await rollback(new FaultyStore(store, 1, fault))).kind).to.equal("rolled_back");
      expect(await counted("one")).to.deep.equal({ migrated: 1, "skipped rolled_back": 1 });
    });
  }

  it("leaves the circuit breaker's counts as they are: it judges what jobs found", async () => {
    const judged = async (): Promise<unknown> =>
      store.transact(async (tx) => breakerCounts(await readCounts(tx, "one")));
    await rollback();
    expect(await judged()).to.deep.equal({ finished: 2, bad: 0 });
  });

  it("leaves the actor out of what a later campaign migrated, which only skipped it", async () => {
    await rollback();
    await createAndRun("two");
    expect(await counted("two")).to.deep.equal({ "skipped already_migrated": 1, "skipped rolled_back": 1 });
    expect(await migrated("two")).to.deep.equal([]);
  });

  it("takes back what no campaign migrated, or one that was deleted", async () => {
    await applyVerb(store, "one", "cancel", { author: { who: "x" }, nowMs: clock.nowMs });
    await deleteCampaign(store, "one");
    expect((await rollback()).kind).to.equal("rolled_back");
    expect(await readOutcome(store, ACTOR.id)).to.include({ reason: "rolled_back", campaign: "one" });
  });
});
