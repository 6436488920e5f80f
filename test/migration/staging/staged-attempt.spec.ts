import { expect } from "chai";
import { readHistory, readOutcome } from "../../../src/campaign/ledger/ledger.ts";
import { LAYOUTS, type Outcome } from "../../../src/migration/outcome.ts";
import { v1Range } from "../../../src/migration/v1/v1-keys.ts";
import { FaultyStore, TamperingStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import {
  describeEnding,
  endingOf,
  errorCode,
  loadRows,
  TestClock,
  withoutLedger,
} from "../../support/reference-attempt.ts";
import { encodeReferenceHead, logicalKey, physicalRows } from "../../support/reference.ts";
import { entryPrefix, entryRows, fileChunkK, lifeKey, lifeRow, TAG } from "../../support/v1-actors.ts";
import {
  ACTOR,
  clearPrefix,
  expectClean,
  expectRight,
  LEASE_MS,
  PAGES,
  SLEEPING,
  staged,
  storeWhere,
  V1,
} from "./staged-scene.ts";

/** The head of a database of the engine's own, after its first commit. */
const NATIVE = encodeReferenceHead({
  generation: 1n,
  headTxid: 1n,
  nextTxid: 2n,
  materializedTxid: 0n,
  pages: 1,
  creationTsMs: 1n,
  storageUsed: 0n,
  maxStorage: 10n * 1024n ** 3n,
  origin: 0,
});

for (const layout of LAYOUTS) {
  describe(`a staged attempt (${layout})`, () => {
    it("takes several transactions, of which only the last makes the image visible", async () => {
      const counted = new FaultyStore(storeWhere());
      await staged(counted, layout);
      const stages = counted.commits.filter((label) => label === "stage").length;
      expect(stages).to.be.at.least(3);
      expect(counted.commits[0]).to.equal("begin_stage");
      expect(counted.commits.at(-1)).to.equal("finalize");
      expect(counted.commits).to.have.lengthOf(stages + 2);
    });

    it("renews its lease while it goes on, when a third of it has gone by, and keeps others away so", async () => {
      const clock = new TestClock();
      let [stages, renewals] = [0, 0];
      let other = "";
      const store: MemoryStore = new MemoryStore({
        gate: async (point, label) => {
          if (point === "commit" && label === "stage") {
            stages += 1;
            clock.advance(LEASE_MS / 2);
          }
          if (point === "commit" && label === "renew_lease") {
            renewals += 1;
          }
          if (point === "begin" && label === "finalize" && other === "") {
            other = "under way";
            other = describeEnding(await endingOf(staged(store, layout, {}, clock)));
          }
        },
      });
      store.load(V1);
      expect((await staged(store, layout, {}, clock)).state).to.equal("migrated");
      expect(other).to.equal("deferred migration_in_progress");
      expect(stages).to.be.at.least(3);
      expect(renewals).to.be.within(2, stages);
      expectRight(store, layout);
    });

    it("stops at every transaction when it is told to, and the next one goes on at once", async () => {
      const labels: string[] = [];
      await staged(storeWhereCounting(labels), layout);
      for (let step = 1; step <= labels.length; step += 1) {
        const clock = new TestClock();
        const stop = new AbortController();
        const store = storeWhereCounting([], (number) => {
          if (number === step) {
            stop.abort(new Error("shutdown"));
          }
        });
        const ending = describeEnding(await endingOf(staged(store, layout, { signal: stop.signal }, clock)));
        // A transaction under way may finish; when that is the last one, so does the attempt.
        expect(ending, `${step} ${labels[step - 1] ?? ""}`).to.be.oneOf(["aborted", "migrated"]);
        expect(ending === "migrated").to.equal(step === labels.length);
        expect(store.openTransactions).to.equal(0);
        const next = await staged(store, layout, {}, clock);
        expect(next.state, `${step} ${labels[step - 1] ?? ""}`).to.equal("migrated");
        expectRight(store, layout);
      }
    });

    it("ends only when its reads ahead have ended, also when it ends early", async () => {
      let slow = 0;
      const store: MemoryStore = new MemoryStore({
        from: SLEEPING,
        gate: async (point, label) => {
          if (label === "read_v1" && point === "begin") {
            slow += 1;
            for (let turn = 0; turn < 20 * (slow - 1); turn += 1) {
              await new Promise(setImmediate);
            }
          }
          if (label === "begin_stage" && point === "begin") {
            store.load([lifeRow(ACTOR, "RUNNER_ID")]);
          }
        },
      });
      expect((await staged(store, layout)).state).to.equal("deferred");
      expect(slow).to.equal(4);
      expect(store.openTransactions).to.equal(0);
    });

    it("does nothing when it is told to stop before it starts", async () => {
      const store = storeWhere();
      expect(await errorCode(staged(store, layout, { signal: AbortSignal.abort() }))).to.equal("aborted");
      expect(store.dump()).to.have.lengthOf(V1.length);
    });

    it("is rejected with verify_mismatch, and nothing of it stays, when the store does not keep what was written", async () => {
      let flips = 0;
      for (const nth of [0, 1, 3]) {
        const store = storeWhere();
        let seen = 0;
        const tampering = new TamperingStore(store, (label, _key, value) => {
          const flip = label === "stage" && value.length > 2000 && seen++ === nth;
          flips += flip ? 1 : 0;
          return flip ? value.map((byte, at) => (at === 1500 ? byte ^ 4 : byte)) : value;
        });
        const clock = new TestClock();
        const outcome = await staged(tampering, layout, {}, clock);
        expect([outcome.state, outcome.reason]).to.deep.equal(["rejected", "verify_mismatch"]);
        expectClean(store);
        expect((await staged(store, layout, {}, clock)).state).to.equal("migrated");
      }
      expect(flips).to.equal(3);
    });

    it("has every stage row checked: whichever one is not kept, the image does not come to be wrong", async () => {
      const written: number[] = [];
      const all = new TamperingStore(storeWhere(), (label, _key, value) => {
        if (label === "stage") {
          written.push(value.length);
        }
        return value;
      });
      await staged(all, layout);
      const long = [...written.keys()].filter((index) => (written[index] ?? 0) > 100);
      const picks = [...long.slice(0, 3), ...long.slice(-3), 1, 2, written.length - 2, written.length - 1];
      for (const pick of picks) {
        for (const change of ["drop", "flip the first byte", "flip the last byte"]) {
          const store = storeWhere();
          let seen = 0;
          const tampering = new TamperingStore(store, (label, _key, value) => {
            if (label !== "stage" || seen++ !== pick) {
              return value;
            }
            const at = change === "flip the first byte" ? 0 : value.length - 1;
            return change === "drop" ? undefined : value.map((byte, index) => (index === at ? byte ^ 1 : byte));
          });
          const ending = describeEnding(await endingOf(staged(tampering, layout)));
          // The one row that no image depends on is what is known of the stage's progress.
          if (ending === "migrated") {
            expectRight(store, layout);
          } else {
            expect(ending, `${pick} ${change}`).to.be.oneOf(["rejected verify_mismatch", "stage_gone"]);
          }
        }
      }
    });

    it("leaves what has come to v2, and a lease that is in force, between its look and the lease", async () => {
      const clock = new TestClock();
      const others: readonly [string, (store: MemoryStore) => Promise<unknown>][] = [
        ["migrated ", (store) => staged(store, layout, {}, clock)],
        ["deferred migration_in_progress", (store) => endingOf(staged(new FaultyStore(store, 2, "cut_after"), layout))],
        ["skipped native_v2", async (store) => loadRows(store, physicalRows(logicalKey(ACTOR, "/META"), NATIVE))],
      ];
      for (const [ending, other] of others) {
        let before: string[] = [];
        const store = storeWhere({
          label: "begin_stage",
          act: async (on) => {
            await other(on);
            before = withoutLedger(on.dump());
          },
        });
        const { state, reason = "" } = await staged(store, layout, {}, clock);
        expect(`${state} ${reason}`).to.equal(ending);
        expect(withoutLedger(store.dump()), ending).to.deep.equal(before);
      }
    });

    it("says nothing of an image that goes while it is read, as another attempt has migrated it and v1 was cleaned up", async () => {
      const clock = new TestClock();
      let other: Outcome | undefined;
      const store = storeWhere({
        label: "read_v1",
        act: async (on) => {
          other = await staged(on, layout, {}, clock);
          on.load([], [v1Range(ACTOR.id)]);
        },
      });
      const outcome = await staged(store, layout, {}, clock);
      expect(outcome).to.deep.equal(other).and.to.include({ state: "migrated" });
      expect(await readOutcome(store, ACTOR.id)).to.deep.equal(other);
      expectRight(store, layout);
    });

    it("counts attempts and keeps what earlier ones came to", async () => {
      const clock = new TestClock();
      const journal = entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9));
      const store = storeWhere();
      store.load(journal);
      expect(await staged(store, layout, { campaign: "one" }, clock)).to.include({ state: "rejected", attempts: 1 });
      expect(await staged(store, layout, {}, clock)).to.include({ state: "rejected", attempts: 2 });
      clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.journal, 0)))(store);
      store.load([lifeRow(ACTOR, "RUNNER_ID")]);
      expect(await staged(store, layout, {}, clock)).to.include({ state: "deferred", attempts: 3 });
      clearPrefix(lifeKey(ACTOR, "RUNNER_ID"))(store);
      const outcome = await staged(store, layout, { campaign: "two" }, clock);
      expect(outcome).to.include({ state: "migrated", attempts: 4, campaign: "two" });
      expect(await readOutcome(store, ACTOR.id)).to.deep.equal(outcome);
      expect(await staged(store, layout, {}, clock)).to.deep.equal(outcome);
      const history = await readHistory(store, ACTOR.id);
      expect(history.map(({ state, attempts, campaign }) => [state, attempts, campaign])).to.deep.equal([
        ["rejected", 1, "one"],
        ["rejected", 2, undefined],
      ]);
    });
  });
}

describe("rows of no stage of Ferry's", () => {
  const stray = physicalRows(logicalKey(ACTOR, "/SHARD/\0\0\0\x09"), new Uint8Array(150_000));

  for (const layout of LAYOUTS) {
    it(`stay when the image turns out to be one to reject, and go when it is right (${layout})`, async () => {
      const store = storeWhere(undefined, [...V1, ...stray]);
      clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, PAGES - 1)))(store);
      const before = withoutLedger(store.dump());
      expect(await staged(store, layout)).to.include({ reason: "chunk_missing" });
      expect(withoutLedger(store.dump())).to.deep.equal(before);
      store.load(V1);
      expect((await staged(store, layout)).state).to.equal("migrated");
      expectRight(store, layout);
    });
  }
});

/** A store with the actor in it, that notes each transaction that begins and calls `at` with its number. */
function storeWhereCounting(labels: string[], at: (number: number) => void = () => undefined): MemoryStore {
  let number = 0;
  return new MemoryStore({
    from: SLEEPING,
    gate: async (point, label) => {
      if (point === "begin") {
        labels.push(label);
        number += 1;
        at(number);
      }
      await Promise.resolve();
    },
  });
}
