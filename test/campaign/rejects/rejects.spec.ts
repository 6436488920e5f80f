import { expect } from "chai";
import { fingerprintOf, normaliseDetail } from "../../../src/campaign/rejects/fingerprint.ts";
import { ledger, readHistory, readOutcome } from "../../../src/campaign/ledger/ledger.ts";
import { groupRejects, type RejectGroup } from "../../../src/campaign/rejects/rejects-groups.ts";
import { findRejects, type RejectFilter } from "../../../src/campaign/rejects/rejects.ts";
import { countRequeue, selectRequeue, type RequeueSelection } from "../../../src/campaign/rejects/requeue.ts";
import { readWaivers, unwaiveActor, waiveActor } from "../../../src/campaign/rejects/waive.ts";
import type { ActorId } from "../../../src/formats/actor-id.ts";
import type { Outcome } from "../../../src/migration/outcome.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { attempt, TestClock } from "../../support/reference-attempt.ts";
import { syntheticImage, testActor, v1Rows } from "../../support/v1-actors.ts";

const actors = [1, 2, 3, 4, 5].map(testActor);
const [first, second, third, fourth, fifth] = actors.map(({ id }) => id) as [
  ActorId,
  ActorId,
  ActorId,
  ActorId,
  ActorId,
];
const at = (second: number): string => new Date(second * 1_000).toISOString();
const decision = { who: "ada", at: at(500), why: "a test account" };

describe("triage of rejected actors", () => {
  let store: MemoryStore;

  beforeEach(async () => {
    store = new MemoryStore();
    await record({ actorId: first, reason: "chunk_missing", detail: "A chunk is missing. (index 7, chunks 9)" }, 100);
    await record(
      { actorId: second, reason: "chunk_missing", detail: "A chunk is missing. (index 12, chunks 300)" },
      200,
    );
    await record({ actorId: third, reason: "journal_present", campaign: "spring" }, 300);
    await record({ actorId: fourth, state: "failed", reason: "worker_lost" }, 400);
    await record({ actorId: fifth, state: "migrated" }, 100);
  });

  async function record(outcome: Partial<Outcome> & Pick<Outcome, "actorId">, second: number): Promise<void> {
    await store.transact(async (tx) => {
      const previous = await ledger.read(tx, outcome.actorId);
      ledger.write(tx, { state: "rejected", attempts: 1, finishedAt: at(second), ...outcome }, previous);
    });
  }

  async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
    const found: T[] = [];
    for await (const item of items) {
      found.push(item);
    }
    return found;
  }

  async function idsOf(filter: RejectFilter): Promise<string[]> {
    return (await all(findRejects(store, { state: "rejected", filter }))).map(({ outcome }) => outcome.actorId);
  }

  const selection = (part: Partial<RequeueSelection>): RequeueSelection => ({
    ...{ ids: [], states: ["rejected", "failed"], filter: { beforeMs: 1e9 }, limit: 1_000 },
    ...part,
  });

  it("filters by reason, campaign, age and cause", async () => {
    expect(await idsOf({})).to.have.members([first, second, third]);
    expect(await idsOf({ reason: "journal_present" })).to.deep.equal([third]);
    expect(await idsOf({ campaign: "spring" })).to.deep.equal([third]);
    expect(await idsOf({ beforeMs: 200_000 })).to.deep.equal([first]);
    expect(await idsOf({ afterMs: 200_000 })).to.deep.equal([third]);
    const { fingerprint } = (await all(findRejects(store, { state: "rejected", filter: {} })))[0] ?? {};
    expect(await idsOf({ fingerprint })).to.have.members([first, second]);
  });

  it("filters by the size that v1's metadata says", async () => {
    store.load(v1Rows(testActor(1), syntheticImage(3, "zeros")));
    expect(await idsOf({ minBytes: 1 })).to.deep.equal([first]);
    expect(await idsOf({ minBytes: 12_289 })).to.deep.equal([]);
    expect(await idsOf({ maxBytes: 12_287 })).to.have.members([second, third]);
  });

  it("goes on behind a place, whether or not that actor is still there", async () => {
    const from = async (place: { reason: string; actorId: ActorId }): Promise<string[]> =>
      (await all(findRejects(store, { state: "rejected", filter: {}, after: place }))).map((r) => r.outcome.actorId);
    const [a, b] = [first, second].sort() as [ActorId, ActorId];
    expect(await from({ reason: "chunk_missing", actorId: a })).to.deep.equal([b, third]);
    expect(await from({ reason: "chunk_missing", actorId: b })).to.deep.equal([third]);
    expect(await from({ reason: "journal_present", actorId: third })).to.deep.equal([]);
    expect(await from({ reason: "header_too_small", actorId: first })).to.deep.equal([third]);
  });

  it("groups by what the details have in common", async () => {
    const grouped = (): Promise<RejectGroup[]> => groupRejects(findRejects(store, { state: "rejected", filter: {} }));
    const sizesOf = (groups: readonly RejectGroup[]): unknown[] => groups.map(({ reason, actors }) => [reason, actors]);
    const groups = await grouped();
    expect(sizesOf(groups)).to.deep.equal([
      ["chunk_missing", 2],
      ["journal_present", 1],
    ]);
    expect(groups[0]?.detail).to.equal("A chunk is missing. (index #, chunks #)");
    expect([first, second]).to.include(groups[0]?.example);
    for (const { id } of [6, 7].map(testActor)) {
      await record({ actorId: id, reason: "journal_present" }, 500);
    }
    expect(sizesOf(await grouped()), "the largest first").to.deep.equal([
      ["journal_present", 3],
      ["chunk_missing", 2],
    ]);
  });

  it("makes the same fingerprint of numbers, ids and hexadecimal, and another of another reason", () => {
    expect(normaliseDetail(`v1 of ${first}: key 0801000100000007 is 3.5 wrong. See docs/runbooks/x.md.`)).to.equal(
      "v1 of #: key # is # wrong.",
    );
    expect(normaliseDetail("Tree 5 page 3; Tree 9 page 1; row 4")).to.equal("Tree # page #; row #");
    expect(fingerprintOf({ reason: "a", detail: "ff00ff00" })).to.equal(
      fingerprintOf({ reason: "a", detail: "12345678" }),
    );
    expect(fingerprintOf({ reason: "a", detail: "x" })).to.not.equal(fingerprintOf({ reason: "b", detail: "x" }));
  });

  it("selects for requeueing by filters, up to a limit, and counts", async () => {
    const counts = await countRequeue(selectRequeue(store, selection({})));
    expect(counts).to.have.deep.members([
      { state: "rejected", reason: "chunk_missing", actors: 2 },
      { state: "rejected", reason: "journal_present", actors: 1 },
      { state: "failed", reason: "worker_lost", actors: 1 },
    ]);
    expect(await all(selectRequeue(store, selection({ limit: 2 })))).to.have.length(2);
    expect(await all(selectRequeue(store, selection({ limit: 0 })))).to.have.length(0);
    expect(await all(selectRequeue(store, selection({ filter: { beforeMs: 150_000 } })))).to.have.length(1);
  });

  it("does not select an actor again that is rejected anew during the walk", async () => {
    const seen: string[] = [];
    for await (const { actorId } of selectRequeue(store, selection({ filter: { beforeMs: 450_000 } }))) {
      seen.push(actorId);
      await record({ actorId, reason: "size_not_page_aligned" }, 460);
    }
    expect(seen).to.have.members([first, second, third, fourth]).and.to.have.length(4);
  });

  it("leaves waived actors out of lists and requeues, and keeps who, when, why and all outcomes", async () => {
    expect(await waiveActor(store, third, decision)).to.equal("waived");
    expect(await waiveActor(store, third, decision)).to.equal("already_waived");
    expect(await waiveActor(store, fifth, decision)).to.equal("not_rejected");
    expect(await idsOf({})).to.have.members([first, second]);
    const left = { waived: 0, others: 0 };
    expect(await all(selectRequeue(store, selection({ ids: [third, fifth] }), left))).to.deep.equal([]);
    expect(left).to.deep.equal({ waived: 1, others: 1 });
    expect(await readOutcome(store, third)).to.include({ state: "skipped", reason: "waived", campaign: "spring" });
    expect(await readHistory(store, third)).to.have.nested.property("[0].reason", "journal_present");
    expect((await readWaivers(store, third)).events).to.deep.equal([{ action: "waived", ...decision }]);
  });

  it("makes a waived actor rejected again when the waiver is taken back", async () => {
    const before = await readOutcome(store, third);
    await waiveActor(store, third, decision);
    expect(await unwaiveActor(store, third, { ...decision, at: at(600) })).to.equal("unwaived");
    expect(await unwaiveActor(store, third, decision)).to.equal("not_waived");
    expect(await readOutcome(store, third)).to.deep.equal(before);
    expect((await readHistory(store, third)).map(({ reason }) => reason)).to.deep.equal(["waived"]);
    expect((await readWaivers(store, third)).events.map(({ action }) => action)).to.deep.equal(["waived", "unwaived"]);
  });

  it("has a job skip a waived actor, and migrate it when the waiver is gone", async () => {
    const clock = new TestClock();
    store.load(v1Rows(testActor(1), syntheticImage(3, "text")));
    await waiveActor(store, first, decision);
    const skipped = await attempt(store, testActor(1), clock);
    expect(skipped).to.include({ state: "skipped", reason: "waived" });
    expect(skipped.detail).to.include("a test account").and.to.include("ada");
    await unwaiveActor(store, first, { ...decision, at: at(600) });
    expect(await attempt(store, testActor(1), clock)).to.include({ state: "migrated" });
  });
});
