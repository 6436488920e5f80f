import { expect } from "chai";
import { LAYOUTS } from "../../../src/migration/outcome.ts";
import { CrashError, FaultyStore } from "../../support/faulty-store.ts";
import type { MemoryStore } from "../../support/memory-store.ts";
import {
  attempt,
  describeEnding,
  endingOf,
  errorCode,
  TestClock,
  withoutLedger,
} from "../../support/reference-attempt.ts";
import { ReferenceEngine } from "../../support/reference-engine.ts";
import { firstDifference, leaseRows, readMigrated, readV2, referenceHead, v2RowsOf } from "../../support/reference.ts";
import {
  bytesOf,
  entryPrefix,
  entryRows,
  fileChunkK,
  fileMetadataK,
  fileMetadataValue,
  lifeRow,
  syntheticImage,
  TAG,
  v1Rows,
  type Row,
} from "../../support/v1-actors.ts";
import {
  ACTOR,
  clearPrefix,
  expectClean,
  expectRight,
  expire,
  IMAGE,
  LEASE,
  LEASE_MS,
  META,
  PAGES,
  setRow,
  staged,
  storeWhere,
} from "./staged-scene.ts";

for (const layout of LAYOUTS) {
  describe(`a staged attempt leaves what another may continue from or clear away (${layout})`, () => {
    const crashed = async (at: number, fault: "cut_before" | "cut_after", clock: TestClock): Promise<MemoryStore> => {
      const store = storeWhere();
      const faulty = new FaultyStore(store, at, fault);
      const ending = await endingOf(staged(faulty, layout, {}, clock));
      expect("error" in ending && ending.error instanceof CrashError).to.equal(true);
      expect(leaseRows(store.dump())).to.have.lengthOf.at.least(2);
      return store;
    };

    it("but not before its lease expires", async () => {
      const clock = new TestClock();
      const store = await crashed(3, "cut_before", clock);
      const before = withoutLedger(store.dump());
      const outcome = await staged(store, layout, {}, clock);
      expect(outcome).to.include({ state: "deferred", reason: "migration_in_progress" });
      clock.advance(LEASE_MS - 1000);
      expect(await staged(store, layout, {}, clock)).to.include({ reason: "migration_in_progress", attempts: 2 });
      expect(withoutLedger(store.dump())).to.deep.equal(before);
      clock.advance(1000);
      expect(await staged(store, layout, {}, clock)).to.include({ state: "migrated", attempts: 3 });
      expectRight(store, layout);
    });

    const HOUR_MS = 3_600_000;
    const aheadBy = (ms: number): TestClock => {
      const clock = new TestClock();
      clock.advance(ms);
      return clock;
    };

    it("at once where its clock was a day ahead, and when that time comes where it was half an hour", async () => {
      const day = await crashed(3, "cut_before", aheadBy(24 * HOUR_MS));
      expect(await staged(day, layout, {}, new TestClock())).to.include({ state: "migrated", attempts: 1 });
      expectRight(day, layout);
      const clock = new TestClock();
      const half = await crashed(3, "cut_before", aheadBy(HOUR_MS / 2));
      expect(await staged(half, layout, {}, clock)).to.include({ reason: "migration_in_progress" });
      clock.advance(HOUR_MS / 2 + LEASE_MS + 1000);
      expect(await staged(half, layout, {}, clock)).to.include({ state: "migrated" });
      expectRight(half, layout);
    });

    it("while one whose clock is a day ahead stops when another begins, and the other's image stands", async () => {
      for (const label of ["stage", "finalize"]) {
        const store = storeWhere({
          label,
          act: async (where) => {
            expect((await staged(where, layout, {}, new TestClock())).state).to.equal("migrated");
          },
        });
        expect(await errorCode(staged(store, layout, {}, aheadBy(24 * HOUR_MS)))).to.equal("lease_lost");
        expectRight(store, layout);
      }
    });

    it("and clears it away under an actor that is left alone, also where its clock was a day ahead", async () => {
      const store = await crashed(4, "cut_after", aheadBy(24 * HOUR_MS));
      store.load(entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9)));
      expect(await staged(store, layout, {}, new TestClock())).to.include({ reason: "journal_present" });
      expectClean(store);
    });

    for (const other of LAYOUTS) {
      it(`without a trace of it, in layout ${other}`, async () => {
        const clock = new TestClock();
        const store = await crashed(4, "cut_after", clock);
        clock.advance(LEASE_MS);
        expect((await staged(store, other, {}, clock)).state).to.equal("migrated");
        expectRight(store, other);
      });
    }

    it("also when the image has shrunk into one transaction", async () => {
      const clock = new TestClock();
      const store = await crashed(4, "cut_after", clock);
      const small = syntheticImage(2, "text");
      clearPrefix(entryPrefix(ACTOR, Uint8Array.of(8)).slice(0, -2))(store);
      store.load(v1Rows(ACTOR, small));
      clock.advance(LEASE_MS);
      expect((await attempt(store, ACTOR, clock, { layout })).state).to.equal("migrated");
      expectRight(store, layout, small);
    });

    it("and an actor that turns out to be one to leave alone is left without it", async () => {
      const clock = new TestClock();
      const endings: readonly (readonly [string, Row[]])[] = [
        ["rejected journal_present", entryRows(ACTOR, fileChunkK(TAG.journal, 0), new Uint8Array(9))],
        ["deferred actor_awake", [lifeRow(ACTOR, "CONNECTABLE")]],
      ];
      for (const [ending, rows] of endings) {
        const store = await crashed(4, "cut_after", clock);
        store.load(rows);
        clock.advance(LEASE_MS);
        expect(describeEnding(await endingOf(staged(store, layout, {}, clock)))).to.equal(ending);
        expectClean(store);
      }
    });

    it("while an attempt that outlives its lease still works as long as nobody takes it", async () => {
      const clock = new TestClock();
      const store = storeWhere({
        label: "stage",
        nth: 2,
        act: () => {
          clock.advance(10 * LEASE_MS);
        },
      });
      expect((await staged(store, layout, {}, clock)).state).to.equal("migrated");
      expectRight(store, layout);
    });

    it("while one whose lease is taken stops, and the taker's image stands", async () => {
      const clock = new TestClock();
      for (const label of ["stage", "finalize"]) {
        const store = storeWhere({
          label,
          act: async (where) => {
            expire(where);
            expect((await staged(where, layout, {}, clock)).state).to.equal("migrated");
          },
        });
        expect(await errorCode(staged(store, layout, {}, clock))).to.equal("lease_lost");
        expectRight(store, layout);
      }
    });

    it("and nothing of it stays when the engine migrates the actor, also where Ferry had migrated it once before", async () => {
      const clock = new TestClock();
      const store = storeWhere();
      const outcome = await staged(store, layout, {}, clock);
      clearPrefix(META.slice(0, -4))(store);
      clearPrefix(bytesOf(META.subarray(0, 19), 3))(store);
      await endingOf(staged(new FaultyStore(store, 3, "cut_after"), layout, {}, clock));
      const engine = new ReferenceEngine(store, ACTOR, clock.now);
      expect(await engine.migrate()).to.equal("migrated");
      clock.advance(LEASE_MS);
      expect(await staged(store, layout, {}, clock)).to.deep.equal(outcome);
      expect(leaseRows(store.dump())).to.deep.equal([]);
      expect(firstDifference(readV2(ACTOR, store.dump()).image, IMAGE)).to.equal(undefined);
    });

    it("when it is a lease of another version of Ferry's, too", async () => {
      const clock = new TestClock();
      const store = await crashed(4, "cut_after", clock);
      setRow({ key: bytesOf(LEASE, 2, ACTOR.id, 0), value: Uint8Array.of(9, 1, 2) })(store);
      expect(await staged(store, layout, {}, clock)).to.include({ reason: "migration_in_progress" });
      clock.advance(LEASE_MS);
      expect((await staged(store, layout, {}, clock)).state).to.equal("migrated");
      expectRight(store, layout);
    });
  });
}

describe("a stage that is continued", () => {
  it("writes only what is missing, and counts the storage of all", async () => {
    for (const at of [2, 3, 4]) {
      const clock = new TestClock();
      const store = storeWhere();
      await endingOf(staged(new FaultyStore(store, at, "cut_after"), "shards", {}, clock));
      const done = v2RowsOf(ACTOR, store.dump()).length;
      clock.advance(LEASE_MS);
      const counted = new FaultyStore(store);
      const outcome = await staged(counted, "shards", {}, clock);
      expect(outcome).to.include({ state: "migrated", pages: PAGES });
      expect(done).to.be.above(1);
      const stages = counted.commits.filter((label) => label === "stage").length;
      expect(stages).to.equal(5 - at);
      expectRight(store, "shards");
    }
  });

  it("is that still where taking it over is a commit of unknown result: nothing is written twice, and the head's time stays", async () => {
    const clock = new TestClock();
    const store = storeWhere();
    await endingOf(staged(new FaultyStore(store, 3, "cut_after"), "shards", {}, clock));
    const meta = store.dump().find(({ key }) => Buffer.compare(key, META) === 0);
    clock.advance(LEASE_MS);
    const faulty = new FaultyStore(store, 1, "unknown_happened");
    expect((await staged(faulty, "shards", {}, clock)).state).to.equal("migrated");
    expect(faulty.commits.filter((label) => label === "begin_stage")).to.have.lengthOf(1);
    expect(faulty.commits.filter((label) => label === "stage")).to.have.lengthOf(2);
    const { head } = readMigrated(ACTOR, store.dump(), "shards");
    expect(head.creationTsMs).to.equal(referenceHead(meta?.value.subarray(1) ?? META).creationTsMs);
    expectRight(store, "shards");
  });

  it("has nothing of a stage before it, of another image, taken for written", async () => {
    const clock = new TestClock();
    const store = storeWhere();
    await endingOf(staged(new FaultyStore(store, 4, "cut_after"), "shards", {}, clock));
    const page = new Uint8Array(4096).fill(0x5a);
    store.load([lifeRow(ACTOR, "SLEEP_TS", 6n), ...entryRows(ACTOR, fileChunkK(TAG.main, 2), page)]);
    clock.advance(LEASE_MS);
    await endingOf(staged(new FaultyStore(store, 1, "cut_after"), "shards", {}, clock));
    clock.advance(LEASE_MS);
    expect(describeEnding(await endingOf(staged(store, "shards", { verify: false }, clock)))).to.equal("migrated");
    const image = Uint8Array.from(IMAGE);
    image.set(page, 2 * 4096);
    expectRight(store, "shards", image);
  });

  it("is begun again when the engine has thrown it away", async () => {
    const clock = new TestClock();
    const store = storeWhere();
    await endingOf(staged(new FaultyStore(store, 4, "cut_after"), "shards", {}, clock));
    store.load(
      [],
      v2RowsOf(ACTOR, store.dump()).map(({ key }) => ({ begin: key, end: bytesOf(key, 0) })),
    );
    clock.advance(LEASE_MS);
    expect((await staged(store, "shards", {}, clock)).state).to.equal("migrated");
    expectRight(store, "shards");
  });

  it("is begun again when the actor has slept anew, or the image is another", async () => {
    const changes: Row[][] = [
      [lifeRow(ACTOR, "SLEEP_TS", 6n), ...entryRows(ACTOR, fileChunkK(TAG.main, 3), new Uint8Array(4096))],
      [
        ...entryRows(ACTOR, fileMetadataK(TAG.main), fileMetadataValue(IMAGE.length + 4096)),
        ...entryRows(ACTOR, fileChunkK(TAG.main, PAGES), new Uint8Array(4096)),
      ],
    ];
    for (const rows of changes) {
      const clock = new TestClock();
      const store = storeWhere();
      await endingOf(staged(new FaultyStore(store, 4, "cut_after"), "shards", {}, clock));
      store.load(rows);
      clock.advance(LEASE_MS);
      expect((await staged(store, "shards", {}, clock)).state).to.equal("migrated");
      const { image } = readMigrated(ACTOR, store.dump(), "shards");
      const expected = new Uint8Array(image.length);
      expected.set(IMAGE);
      if (rows.length === 3) {
        expected.fill(0, 3 * 4096, 4 * 4096);
      }
      expect(firstDifference(image, expected)).to.equal(undefined);
    }
  });

  it("of an image that is not v1's any more is thrown away, and never taken for bad data", async () => {
    const clock = new TestClock();
    const store = storeWhere(undefined, v1Rows(ACTOR, IMAGE));
    await endingOf(staged(new FaultyStore(store, 4, "cut_after"), "shards", {}, clock));
    // Nothing tells of this write: the actor has no rows of its life, before and after.
    store.load(entryRows(ACTOR, fileChunkK(TAG.main, 3), new Uint8Array(4096)));
    clock.advance(LEASE_MS);
    expect(describeEnding(await endingOf(staged(store, "shards", {}, clock)))).to.equal("stage_gone");
    expectClean(store);
    expect((await staged(store, "shards", {}, clock)).state).to.equal("migrated");
    const image = Uint8Array.from(IMAGE).fill(0, 3 * 4096, 4 * 4096);
    expectRight(store, "shards", image);
  });
});
