import { expect } from "chai";
import { LAYOUTS } from "../../../src/migration/outcome.ts";
import type { Store } from "../../../src/store/store.ts";
import { TamperingStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { describeEnding, endingOf, errorCode, type Ending } from "../../support/reference-attempt.ts";
import { bytesOf, entryRows, fileChunkK, lifeKey, lifeRow, TAG } from "../../support/v1-actors.ts";
import {
  ACTOR,
  clearPrefix,
  expectClean,
  expectRight,
  expire,
  IMAGE,
  META,
  SLEEPING,
  staged,
  storeWhere,
} from "./staged-scene.ts";

/*
 * An attempt knows an end of its own, of a commit of unknown result, by what is recorded: the finding and its millisecond. Here everything
 * happens within one millisecond, so that the time tells nothing.
 */

const STILL = { context: { now: (): number => 1_713_456_789_000 } };

for (const layout of LAYOUTS) {
  describe(`a staged attempt within the millisecond of another (${layout})`, () => {
    const ending = async (store: Store): Promise<Ending> => endingOf(staged(store, layout, STILL));

    it("does not take the end of an earlier one for its own: it defers, and leaves no stage", async () => {
      const store: MemoryStore = new MemoryStore({
        from: SLEEPING,
        gate: async (point, label) => {
          if (label === "finalize" && point === "begin") {
            store.load([lifeRow(ACTOR, "RUNNER_ID")]);
          }
          await Promise.resolve();
        },
      });
      for (const which of ["first", "second"]) {
        clearPrefix(lifeKey(ACTOR, "RUNNER_ID"))(store);
        expect(describeEnding(await ending(store)), which).to.equal("deferred actor_awake");
        expectClean(store);
      }
    });

    it("nor where that one migrated the very same image, and v2 was lost since: it switches", async () => {
      const store = storeWhere();
      for (const which of ["first", "second"]) {
        clearPrefix(META.slice(0, -4))(store);
        clearPrefix(bytesOf(META.subarray(0, 19), 3))(store);
        expect(describeEnding(await ending(store)), which).to.equal("migrated");
        expectRight(store, layout);
      }
    });

    it("nor that of one that took its lease, and migrated another image", async () => {
      const page = new Uint8Array(4096).fill(0x5a);
      const store = storeWhere({
        label: "finalize",
        act: async (where) => {
          expire(where);
          where.load([lifeRow(ACTOR, "SLEEP_TS", 6n), ...entryRows(ACTOR, fileChunkK(TAG.main, 2), page)]);
          expect(describeEnding(await ending(where))).to.equal("migrated");
        },
      });
      expect(await errorCode(staged(store, layout, STILL))).to.equal("lease_lost");
      const image = Uint8Array.from(IMAGE);
      image.set(page, 2 * 4096);
      expectRight(store, layout, image);
    });

    it("nor that of one that took its lease, and rejected the actor for another reason", async () => {
      const store = storeWhere({
        label: "discard_stage",
        act: async (where) => {
          expire(where);
          where.load(entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9)));
          expect(describeEnding(await ending(where))).to.equal("rejected journal_present");
        },
      });
      let flipped = false;
      const tampering = new TamperingStore(store, (label, _key, value) => {
        if (flipped || label !== "stage" || value.length < 2000) {
          return value;
        }
        flipped = true;
        return value.map((byte, at) => (at === 1500 ? byte ^ 4 : byte));
      });
      expect(describeEnding(await ending(tampering))).to.equal("lease_lost");
      expectClean(store);
    });
  });
}
