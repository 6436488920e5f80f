import { expect } from "chai";
import { allRows } from "../../../src/campaign/all-rows.ts";
import { auditCampaign } from "../../../src/campaign/audit.ts";
import { breakerVerdict } from "../../../src/campaign/campaign-end.ts";
import { campaignLedger, readCampaignActor } from "../../../src/campaign/ledger/campaign-ledger.ts";
import { actorPrefix, countPrefix } from "../../../src/campaign/campaign-keys.ts";
import { breakerCounts, readCounts } from "../../../src/campaign/campaign-counts.ts";
import { findCampaign } from "../../../src/campaign/campaign-store.ts";
import { applyVerb } from "../../../src/campaign/campaign-verbs.ts";
import { deleteCampaign } from "../../../src/campaign/delete-campaign.ts";
import { readOutcome } from "../../../src/campaign/ledger/ledger.ts";
import { requeueLedger } from "../../../src/campaign/ledger/requeue-ledger.ts";
import { unwaiveActor, waiveActor } from "../../../src/campaign/rejects/waive.ts";
import type { KeyRange, Store } from "../../../src/store/store.ts";
import { feedAll, startCampaign } from "../../support/campaign-scene.ts";
import { FaultyStore, UNKNOWNS } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { attempt, TestClock, type AttemptOptions } from "../../support/reference-attempt.ts";
import { fileRows, lifeRow, syntheticImage, TAG, testActor, v1Rows, type Row } from "../../support/v1-actors.ts";

const ACTORS = [1, 2].map(testActor);
const [ACTOR = testActor(1)] = ACTORS;
const AWAKE = lifeRow(ACTOR, "CONNECTABLE");
const JOURNAL = fileRows(ACTOR, TAG.journal, new Uint8Array(512));
const rangeOf = ({ key }: Row): KeyRange => ({ begin: key, end: Uint8Array.of(...key, 0) });
const DECISION = { who: "ada", at: "2024-01-02T00:00:00.000Z", why: "leave it" };
/** With it the actors' journals, which are not hot, are no reason to reject them. */
const MENDS = { journal: "rollback" } as const;

describe("the ledger of a job that asks again for what a campaign left", () => {
  let store: MemoryStore;
  let clock: TestClock;

  beforeEach(async () => {
    store = new MemoryStore();
    clock = new TestClock();
    const image = syntheticImage(3, "text");
    store.load(
      ACTORS.flatMap((actor) => [...v1Rows(actor, image), ...fileRows(actor, TAG.journal, new Uint8Array(512))]),
    );
    await createAndRun("one");
  });

  async function createAndRun(name: string): Promise<void> {
    const ids = ACTORS.map(({ id }) => id);
    await startCampaign(store, name, { ids, spec: { breaker: { percent: 40, actors: 2 } } });
    await feedAll(store, name, clock.nowMs);
    for (const actor of ACTORS) {
      clock.advance(1000);
      const context = { ledger: campaignLedger(name, clock.now) };
      await attempt(store, actor, clock, { campaign: name, context });
    }
  }

  /** One attempt as a requeued job makes it. */
  async function again(options: AttemptOptions = {}, on: Store = store): Promise<string> {
    clock.advance(1000);
    const context = { ledger: requeueLedger("one", clock.now) };
    const { state, reason = "" } = await attempt(on, ACTOR, clock, { campaign: "one", ...options, context });
    return `${state} ${reason}`.trim();
  }

  /** What the campaign counts, by state and reason; the audit has to agree. */
  async function counted(name = "one"): Promise<Record<string, number>> {
    expect((await auditCampaign(store, name)).differences).to.deep.equal([]);
    const { byReason } = await store.transact(async (tx) => readCounts(tx, name));
    return Object.fromEntries(byReason.map(({ state, reason, tally }) => [`${state} ${reason}`.trim(), tally.actors]));
  }

  it("has the campaign count the new result instead of the one before, and keeps the campaign in the outcome", async () => {
    expect(await counted()).to.deep.equal({ "rejected journal_present": 2 });
    expect(await again(MENDS)).to.equal("migrated");
    expect(await counted()).to.deep.equal({ "rejected journal_present": 1, migrated: 1 });
    expect(await readOutcome(store, ACTOR.id)).to.include({ state: "migrated", campaign: "one", attempts: 2 });
    const row = await store.transact(async (tx) => readCampaignActor(tx, "one", ACTOR.id));
    expect(row).to.include({ standing: "done", feeds: 1, finishedAtMs: clock.nowMs });
    expect(row).not.to.have.property("reason");
  });

  it("counts what a job that ran twice finds migrated as migrated", async () => {
    expect(await again(MENDS)).to.equal("migrated");
    expect(await again(MENDS)).to.equal("migrated");
    expect(await counted()).to.deep.equal({ "rejected journal_present": 1, migrated: 1 });
  });

  it("follows an actor from one result to the next, also while it waits to fall asleep", async () => {
    expect(await again()).to.equal("rejected journal_present");
    expect(await counted()).to.deep.equal({ "rejected journal_present": 2 });
    store.load([AWAKE]);
    expect(await again(MENDS)).to.equal("deferred actor_awake");
    expect(await counted()).to.deep.equal({ "rejected journal_present": 1, "deferred actor_awake": 1 });
    store.load([], [rangeOf(AWAKE)]);
    expect(await again(MENDS)).to.equal("migrated");
    expect(await counted()).to.deep.equal({ "rejected journal_present": 1, migrated: 1 });
  });

  for (const fault of UNKNOWNS) {
    for (const [how, journalIsGone] of [
      ["in one transaction", true],
      ["staged", false],
    ] as const) {
      it(`counts once, whatever commit has an unknown result (${fault}, ${how})`, async () => {
        if (journalIsGone) {
          store.load([], JOURNAL.map(rangeOf));
        }
        const before = new MemoryStore({ from: store });
        const clean = new FaultyStore(store);
        await again(MENDS, clean);
        expect(clean.commits.length === 1).to.equal(journalIsGone);
        for (let at = 1; at <= clean.commits.length; at += 1) {
          store = new MemoryStore({ from: before });
          expect(await again(MENDS, new FaultyStore(store, at, fault)), `${at}`).to.equal("migrated");
          expect(await counted()).to.deep.equal({ "rejected journal_present": 1, migrated: 1 });
        }
      });
    }
  }

  it("has the campaign skip what another has migrated meanwhile, and leaves the outcome to that one", async () => {
    const context = { ledger: campaignLedger("two", clock.now) };
    await attempt(store, ACTOR, clock, { campaign: "two", ...MENDS, context });
    expect(await again(MENDS)).to.equal("migrated");
    expect(await readOutcome(store, ACTOR.id)).to.include({ campaign: "two", attempts: 2 });
    expect(await counted()).to.deep.equal({ "rejected journal_present": 1, "skipped already_migrated": 1 });
  });

  it("leaves the campaign's row alone while the campaign itself has the actor to do", async () => {
    await deleteWhenOver("one");
    await startCampaign(store, "one", { ids: [ACTOR.id] });
    await feedAll(store, "one", clock.nowMs);
    expect(await again(MENDS)).to.equal("migrated");
    expect(await counted()).to.deep.equal({});
    expect(await store.transact(async (tx) => readCampaignActor(tx, "one", ACTOR.id))).to.include({ standing: "open" });
  });

  it("writes no row of a campaign that was deleted", async () => {
    await deleteWhenOver("one");
    expect(await again(MENDS)).to.equal("migrated");
    expect(await readOutcome(store, ACTOR.id)).to.include({ state: "migrated", campaign: "one" });
    for (const prefix of [actorPrefix("one"), countPrefix("one")]) {
      expect(await allRows(store, prefix).next()).to.include({ done: true });
    }
  });

  it("lets what is rejected again be waived, and that be taken back", async () => {
    await again();
    expect(await waiveActor(store, ACTOR.id, DECISION)).to.equal("waived");
    expect(await counted()).to.deep.equal({ "rejected journal_present": 1, "skipped waived": 1 });
    expect(await unwaiveActor(store, ACTOR.id, DECISION)).to.equal("unwaived");
    expect(await counted()).to.deep.equal({ "rejected journal_present": 2 });
  });

  it("has a waiver taken back in the campaign that it was made in, where another has passed the actor since", async () => {
    expect(await waiveActor(store, ACTOR.id, DECISION)).to.equal("waived");
    await createAndRun("nightly");
    const skipped = { "rejected journal_present": 1, "skipped waived": 1 };
    expect(await counted("nightly")).to.deep.equal(skipped);
    expect(await unwaiveActor(store, ACTOR.id, DECISION)).to.equal("unwaived");
    expect(await readOutcome(store, ACTOR.id)).to.include({ state: "rejected", campaign: "one" });
    expect([await counted(), await counted("nightly")]).to.deep.equal([{ "rejected journal_present": 2 }, skipped]);
    expect(await again(MENDS)).to.equal("migrated");
    expect(await counted()).to.deep.equal({ "rejected journal_present": 1, migrated: 1 });
  });

  it("neither trips the circuit breaker nor blinds it to what is found bad after", async () => {
    const verdict = async (): Promise<string | undefined> =>
      store.transact(async (tx) => {
        const campaign = await findCampaign(tx, "one");
        return campaign && breakerVerdict(campaign, await readCounts(tx, "one"))?.reason;
      });
    const tripped = await verdict();
    expect(tripped).to.match(/2 of 2 finished actors/);
    await again(MENDS);
    expect(await verdict()).to.equal(tripped);
  });

  it("leaves the circuit breaker's counts as they are, whatever becomes of the actor", async () => {
    const judged = async (): Promise<unknown> =>
      store.transact(async (tx) => breakerCounts(await readCounts(tx, "one")));
    const expected = { finished: 2, bad: 2 };
    await waiveActor(store, ACTOR.id, DECISION);
    expect([await counted(), await judged()]).to.deep.equal([
      { "rejected journal_present": 1, "skipped waived": 1 },
      expected,
    ]);
    await unwaiveActor(store, ACTOR.id, DECISION);
    expect(await judged()).to.deep.equal(expected);
    store.load([AWAKE]);
    expect([await again(MENDS), await judged()]).to.deep.equal(["deferred actor_awake", expected]);
    store.load([], [rangeOf(AWAKE)]);
    expect([await again(MENDS), await judged()]).to.deep.equal(["migrated", expected]);
  });

  async function deleteWhenOver(name: string): Promise<void> {
    await applyVerb(store, name, "cancel", { author: { who: "x" }, nowMs: 3 });
    await deleteCampaign(store, name);
  }
});
