import { expect } from "chai";
import { readOutcome } from "../../../src/campaign/ledger/ledger.ts";
import type { Outcome, Verdict } from "../../../src/migration/outcome.ts";
import { FaultyStore, UNKNOWNS, type Fault } from "../../support/faulty-store.ts";
import type { MemoryStore } from "../../support/memory-store.ts";
import { describeEnding, endingOf, steppedTarget, TestClock, type Ending } from "../../support/reference-attempt.ts";
import { bytesOf, entryRows, fileChunkK, lifeRow, TAG } from "../../support/v1-actors.ts";
import {
  ACTOR,
  clearPrefix,
  expectClean,
  expectRight,
  expire,
  META,
  setRow,
  staged,
  storeWhere,
} from "./staged-scene.ts";

/* Where the target refuses the switch, as Depot does when the engine or another attempt was there first. */

const THERE: Verdict = { state: "skipped", reason: "already_migrated" };
const GONE_ON: Verdict = { state: "deferred", reason: "engine_took_over", detail: "It went on without Ferry." };

describe("a stage whose switch the target refuses", () => {
  const clock = new TestClock();
  const refused = async (store: MemoryStore, verdict: Verdict, fault?: Fault): Promise<Ending> => {
    const target = { ...steppedTarget(190), reasonNotToSwitch: () => Promise.resolve(verdict) };
    const counted = new FaultyStore(storeWhere());
    await staged(counted, "shards", { context: { target } });
    expect(counted.commits.at(-1)).to.equal("finalize");
    const faulty = new FaultyStore(store, counted.commits.length, fault);
    return endingOf(staged(faulty, "shards", { context: { target } }, clock));
  };
  /** A store where Ferry migrated the actor once, and v2 lost it. */
  const lostSince = async (): Promise<{ store: MemoryStore; outcome: Outcome }> => {
    const store = storeWhere();
    const outcome = await staged(store, "shards", {}, clock);
    clearPrefix(META.slice(0, -4))(store);
    clearPrefix(bytesOf(META.subarray(0, 19), 3))(store);
    return { store, outcome };
  };

  for (const fault of [undefined, ...UNKNOWNS]) {
    it(`is cleared away, and recorded once, where the last commit is ${fault ?? "sound"}`, async () => {
      for (const verdict of [THERE, GONE_ON]) {
        const store = storeWhere();
        const ending = await refused(store, verdict, fault);
        expect(ending)
          .to.have.property("outcome")
          .that.includes({ ...verdict, attempts: 1 });
        expect(await readOutcome(store, ACTOR.id)).to.deep.equal("outcome" in ending ? ending.outcome : undefined);
        expectClean(store);
      }
    });

    it(`leaves what Ferry itself brought as it is recorded, where the last commit is ${fault ?? "sound"}`, async () => {
      const { store, outcome } = await lostSince();
      expect(await refused(store, THERE, fault)).to.deep.equal({ outcome });
      expect(await readOutcome(store, ACTOR.id)).to.deep.equal(outcome);
      expectClean(store);
    });
  }

  it("says that v2 has lost the image that Ferry brought, which the record of the migration does no more", async () => {
    const { store } = await lostSince();
    const ending = await refused(store, GONE_ON);
    expect(ending)
      .to.have.property("outcome")
      .that.includes({ ...GONE_ON, isGone: true });
    expect(await readOutcome(store, ACTOR.id)).to.include({ state: "deferred", isGone: true });
  });

  it("is of an actor that woke, where that is so too: what the target says may come of it", async () => {
    const store = storeWhere({ label: "finalize", act: setRow(lifeRow(ACTOR, "RUNNER_ID")) });
    expect(describeEnding(await refused(store, GONE_ON))).to.equal("deferred actor_awake");
    expectClean(store);
  });

  it("has not ended where another took its lease and migrated the actor: it stops, and the other's image stands", async () => {
    const store = storeWhere({
      label: "finalize",
      act: async (where) => {
        expire(where);
        expect((await staged(where, "shards", {}, clock)).state).to.equal("migrated");
      },
    });
    expect(describeEnding(await refused(store, THERE))).to.equal("lease_lost");
    expectRight(store, "shards");
  });

  it("nor where another took it and rejected the actor before its first try to end committed", async () => {
    const store = storeWhere({
      label: "finalize",
      point: "commit",
      act: async (where) => {
        expire(where);
        where.load(entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9)));
        expect(describeEnding(await endingOf(staged(where, "shards", {}, clock)))).to.equal("rejected journal_present");
      },
    });
    expect(describeEnding(await refused(store, THERE))).to.equal("lease_lost");
    expectClean(store);
  });
});
