import { expect } from "chai";
import { auditCampaign } from "../../../src/campaign/audit.ts";
import { readCounts } from "../../../src/campaign/campaign-counts.ts";
import { campaignLedger, readCampaignActor } from "../../../src/campaign/ledger/campaign-ledger.ts";
import { ledger, readOutcome } from "../../../src/campaign/ledger/ledger.ts";
import { readWaivers, unwaiveActor, waiveActor } from "../../../src/campaign/rejects/waive.ts";
import type { Outcome } from "../../../src/migration/outcome.ts";
import { feedAll, startCampaign } from "../../support/campaign-scene.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore, type GatePoint } from "../../support/memory-store.ts";
import { attempt, STAGED, steppedTarget, TestClock } from "../../support/reference-attempt.ts";
import { leaseRows, logicalKey, physicalRows, v2RowsOf } from "../../support/reference.ts";
import {
  bytesOf,
  entryPrefix,
  fileChunkK,
  lifeRow,
  syntheticImage,
  TAG,
  testActor,
  v1Rows,
} from "../../support/v1-actors.ts";

const ACTOR = testActor(6);
const PAGES = 600;
const ROWS = v1Rows(ACTOR, syntheticImage(PAGES, "text"));
const DECISION = { who: "ada", at: "2024-01-02T00:00:00.000Z", why: "leave it" };
const IN_STEPS = { ...STAGED, context: { target: steppedTarget(190) } };
const FAILED: Outcome = {
  actorId: ACTOR.id,
  state: "failed",
  reason: "store_timed_out",
  attempts: 1,
  finishedAt: "2024-01-01T00:00:00.000Z",
};

/** A store with an actor that failed once, in which something happens when a transaction of this label comes to a point. */
async function storeWhere(
  moment: { label: string; point: GatePoint },
  act: (store: MemoryStore) => Promise<unknown>,
): Promise<MemoryStore> {
  let armed = false;
  const store: MemoryStore = new MemoryStore({
    gate: async (point, label) => {
      if (armed && label === moment.label && point === moment.point) {
        armed = false;
        await act(store);
      }
    },
  });
  store.load(ROWS);
  await store.transact(async (tx) => {
    ledger.write(tx, FAILED, await ledger.read(tx, ACTOR.id));
  });
  armed = true;
  return store;
}

const waive = (store: MemoryStore): Promise<string> => waiveActor(store, ACTOR.id, DECISION);

async function expectWaived(store: MemoryStore, outcome: Outcome): Promise<void> {
  expect(outcome).to.include({ state: "skipped", reason: "waived" });
  expect(outcome.detail).to.include("leave it").and.to.include("ada");
  expect(await readOutcome(store, ACTOR.id)).to.deep.equal(outcome);
  expect((await readWaivers(store, ACTOR.id)).waiver).to.include(DECISION);
  expect(v2RowsOf(ACTOR, store.dump())).to.deep.equal([]);
  expect(leaseRows(store.dump())).to.deep.equal([]);
}

describe("a waiver", () => {
  for (const label of ["begin_stage", "stage", "finalize"]) {
    for (const point of ["begin", "commit"] as const) {
      it(`holds against an attempt that is copying (${label}, ${point})`, async () => {
        const store = await storeWhere({ label, point }, waive);
        await expectWaived(store, await attempt(store, ACTOR, new TestClock(), IN_STEPS));
      });
    }
  }

  it("holds against an attempt that finds bad data while it copies", async () => {
    const missing = entryPrefix(ACTOR, fileChunkK(TAG.main, PAGES - 50));
    const store = await storeWhere({ label: "stage", point: "begin" }, async (where) => {
      where.load([], [{ begin: missing, end: bytesOf(missing, 0xff) }]);
      return waive(where);
    });
    await expectWaived(store, await attempt(store, ACTOR, new TestClock(), IN_STEPS));
  });

  for (const label of ["begin_stage", "finalize"]) {
    it(`holds where the actor woke too, of which an attempt that is copying would say that it waits (${label})`, async () => {
      const store = await storeWhere({ label, point: "begin" }, async (where) => {
        where.load([lifeRow(ACTOR, "RUNNER_ID")]);
        return waive(where);
      });
      await expectWaived(store, await attempt(store, ACTOR, new TestClock(), IN_STEPS));
    });
  }

  it("is said as it was made and taken back where the commits' results are unknown, and only then", async () => {
    const store = await storeWhere({ label: "none", point: "begin" }, waive);
    const back = { ...DECISION, at: "2024-01-03T00:00:00.000Z" };
    expect(await waiveActor(new FaultyStore(store, 1, "unknown_happened"), ACTOR.id, DECISION)).to.equal("waived");
    expect(await waive(store)).to.equal("already_waived");
    expect(await unwaiveActor(new FaultyStore(store, 1, "unknown_happened"), ACTOR.id, back)).to.equal("unwaived");
    expect(await unwaiveActor(store, ACTOR.id, back)).to.equal("not_waived");
    expect(await readOutcome(store, ACTOR.id)).to.deep.equal(FAILED);
  });

  it("moves the actor in its campaign's counts, and back when it is taken back", async () => {
    const store = await storeWhere({ label: "none", point: "begin" }, waive);
    await startCampaign(store, "c", { ids: [ACTOR.id] });
    await feedAll(store, "c", 1);
    await store.transact(async (tx) => {
      const job = campaignLedger("c", () => 2);
      const previous = await job.read(tx, ACTOR.id);
      job.write(tx, { ...FAILED, state: "rejected", reason: "chunk_missing", campaign: "c" }, previous);
    });
    const counted = async (): Promise<unknown> => {
      expect((await auditCampaign(store, "c")).differences).to.deep.equal([]);
      const { byReason } = await store.transact(async (tx) => readCounts(tx, "c"));
      return byReason.map(({ state, reason, tally }) => [state, reason, tally.actors]);
    };
    expect(await waive(store)).to.equal("waived");
    expect(await counted()).to.deep.equal([["skipped", "waived", 1]]);
    expect(await unwaiveActor(store, ACTOR.id, DECISION)).to.equal("unwaived");
    expect(await counted()).to.deep.equal([["rejected", "chunk_missing", 1]]);
  });

  it("leaves a campaign's count of another finding, as of a job that ran twice", async () => {
    const store = await storeWhere({ label: "none", point: "begin" }, waive);
    await startCampaign(store, "c", { ids: [ACTOR.id] });
    await feedAll(store, "c", 1);
    for (const reason of ["chunk_missing", "journal_present"] as const) {
      await store.transact(async (tx) => {
        const job = campaignLedger("c", () => 2);
        const previous = await job.read(tx, ACTOR.id);
        job.write(tx, { ...FAILED, state: "rejected", reason, campaign: "c" }, previous);
      });
    }
    const counted = async (): Promise<unknown> =>
      store.transact(async (tx) => readCampaignActor(tx, "c", ACTOR.id)).then((actor) => [actor?.state, actor?.reason]);
    expect(await waive(store)).to.equal("waived");
    expect(await counted()).to.deep.equal(["rejected", "chunk_missing"]);
    expect(await unwaiveActor(store, ACTOR.id, DECISION)).to.equal("unwaived");
    expect(await counted()).to.deep.equal(["rejected", "chunk_missing"]);
  });

  it("is found again after a last commit of unknown result", async () => {
    const clean = await storeWhere({ label: "stage", point: "begin" }, waive);
    const counted = new FaultyStore(clean);
    await attempt(counted, ACTOR, new TestClock(), IN_STEPS);
    expect(counted.commits.at(-1)).to.equal("finalize");
    const store = await storeWhere({ label: "stage", point: "begin" }, waive);
    const faulty = new FaultyStore(store, counted.commits.length, "unknown_happened");
    await expectWaived(store, await attempt(faulty, ACTOR, new TestClock(), IN_STEPS));
  });

  it("comes too late once the switch has committed, however long before it was asked for", async () => {
    const store = await storeWhere({ label: "waive", point: "commit" }, (where) =>
      attempt(where, ACTOR, new TestClock(), IN_STEPS),
    );
    expect(await waive(store)).to.equal("not_rejected");
    expect(await readOutcome(store, ACTOR.id)).to.include({ state: "migrated" });
    expect((await readWaivers(store, ACTOR.id)).waiver).to.equal(undefined);
  });

  it("holds where v2's head cannot be read, which would otherwise be a rejection to be asked again", async () => {
    const store = await storeWhere({ label: "", point: "begin" }, waive);
    await waive(store);
    store.load(physicalRows(logicalKey(ACTOR, "/META"), Uint8Array.of(1, 2, 3)));
    expect(await attempt(store, ACTOR, new TestClock())).to.include({ state: "skipped", reason: "waived" });
  });
});
