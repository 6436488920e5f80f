import { expect } from "chai";
import { readHistory, readOutcome } from "../../src/campaign/ledger/ledger.ts";
import { cleanupActor } from "../../src/migration/cleanup-actor.ts";
import { DEFAULT_MIGRATION_OPTIONS } from "../../src/migration/context.ts";
import { examineActor } from "../../src/migration/examine-actor.ts";
import { IntegrityChecker } from "../../src/migration/integrity/integrity-checker.ts";
import { rollbackActor } from "../../src/migration/rollback-actor.ts";
import { v1Range } from "../../src/migration/v1/v1-keys.ts";
import { verifyActor } from "../../src/migration/verify-actor.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { attempt, contextOn, STAGED, TestClock } from "../support/reference-attempt.ts";
import {
  encodeReferenceHead,
  logicalKey,
  physicalRows,
  readV2,
  referenceHead,
  v2RowsOf,
} from "../support/reference.ts";
import {
  brokenActors,
  bytesOf,
  entryRows,
  fileRows,
  kvSubspace,
  lifeRow,
  PAGE,
  TAG,
  testActor,
  v1Rows,
  fileChunkK,
  type Row,
} from "../support/v1-actors.ts";
import { sqliteImageAfter, sqliteImageOfPages } from "../support/v1-actors-sqlite.ts";
import { journalOf } from "./recovery/built-journal.ts";

const actor = testActor(41);
const signal = new AbortController().signal;
const DAY_MS = 86_400_000;

describe("after a migration", () => {
  const checker = new IntegrityChecker();
  let image: Uint8Array;

  before(() => {
    image = sqliteImageOfPages(70);
  });

  after(async () => {
    await checker.close();
  });

  const migrated = async (options: object = {}, of: Uint8Array = image) => {
    const store = new MemoryStore();
    store.load([...v1Rows(actor, of), ...entryRows(actor, Uint8Array.of(1, 2), Uint8Array.of(3))]);
    const clock = new TestClock();
    const outcome = await attempt(store, actor, clock, options);
    expect(outcome.state).to.equal("migrated");
    const context = contextOn(store, clock, { checkIntegrity: checker.check.bind(checker) });
    return { store, clock, context };
  };
  /** The engine commits once: head and next txid move on. */
  const engineWrites = (store: MemoryStore): void => {
    const { head } = readV2(actor, store.dump());
    const bytes = encodeReferenceHead({ ...head, headTxid: 2n, nextTxid: 3n });
    store.load(physicalRows(logicalKey(actor, "/META"), bytes));
    expect(referenceHead(bytes).headTxid).to.equal(2n);
  };
  const v1Left = (store: MemoryStore): Row[] =>
    store.dump().filter((row) => Buffer.from(row.key).indexOf(bytesOf(kvSubspace(actor), 5, 1, 8)) === 0);

  describe("rollback", () => {
    it("removes v2 and keeps v1, says so in the ledger, and says the same when asked again", async () => {
      for (const options of [{}, STAGED, { layout: "delta" }]) {
        const { store, context } = await migrated(options);
        const dry = await rollbackActor(context, actor.id, { dryRun: true }, signal);
        expect(dry.kind).to.equal("rolled_back");
        expect(v2RowsOf(actor, store.dump())).not.to.have.length(0);
        const done = await rollbackActor(context, actor.id, { dryRun: false }, signal);
        expect(done).to.deep.include({ kind: "rolled_back" });
        expect(v2RowsOf(actor, store.dump())).to.have.length(0);
        expect(v1Left(store)).to.have.length(v1Rows(actor, image).length);
        expect((await rollbackActor(context, actor.id, { dryRun: false }, signal)).kind).to.equal("rolled_back");
      }
    });

    for (const [size, options] of [
      ["small", {}],
      ["large", STAGED],
    ] as const) {
      it(`stands against attempts that do not ask for just this actor, and says so anew (${size})`, async () => {
        const { store, clock, context } = await migrated(options);
        await rollbackActor(context, actor.id, { dryRun: false }, signal);
        clock.advance(1000);
        const { finishedAt: before } = (await readOutcome(store, actor.id)) ?? {};
        const again = await attempt(store, actor, clock, { ...options, campaign: "nightly" });
        expect(again).to.include({ state: "skipped", reason: "rolled_back", campaign: "nightly", attempts: 3 });
        expect(again.finishedAt).not.to.equal(before);
        expect(await readOutcome(store, actor.id)).to.deep.equal(again);
        expect(v2RowsOf(actor, store.dump())).to.have.length(0);
      });

      it(`lets the actor be migrated again where it is asked for (${size})`, async () => {
        const { store, clock, context } = await migrated(options);
        await rollbackActor(context, actor.id, { dryRun: false }, signal);
        expect((await attempt(store, actor, clock, { ...options, rolledBack: "migrate" })).state).to.equal("migrated");
        expect((await attempt(store, actor, clock, options)).state).to.equal("migrated");
      });
    }

    it("is said once by an attempt whose commit has an unknown result, and also of an actor that is awake", async () => {
      const { store, clock, context } = await migrated();
      await rollbackActor(context, actor.id, { dryRun: false }, signal);
      store.load([lifeRow(actor, "CONNECTABLE")]);
      const again = await attempt(new FaultyStore(store, 1, "unknown_happened"), actor, clock);
      expect(again).to.include({ state: "skipped", reason: "rolled_back", attempts: 3 });
      expect(await readHistory(store, actor.id)).to.have.length(2);
    });

    it("is predicted by an examination as an attempt finds it", async () => {
      const { context } = await migrated();
      await rollbackActor(context, actor.id, { dryRun: false }, signal);
      for (const [rolledBack, state] of [
        [{}, "skipped"],
        [{ rolledBack: "migrate" }, "migrated"],
      ] as const) {
        const options = { ...DEFAULT_MIGRATION_OPTIONS, ...rolledBack };
        expect(await examineActor(context, actor.id, options, signal)).to.include({ state });
      }
    });

    it("refuses when v2 was written or cannot be read, the actor is awake, v1 is gone, or Ferry did not migrate it", async () => {
      const written = await migrated();
      engineWrites(written.store);
      expect(await rollbackActor(written.context, actor.id, { dryRun: false }, signal)).to.deep.equal({
        kind: "refused",
        reason: "written_since",
      });
      const awake = await migrated();
      awake.store.load([lifeRow(actor, "CONNECTABLE")]);
      expect(await rollbackActor(awake.context, actor.id, { dryRun: false }, signal)).to.include({
        reason: "actor_awake",
      });
      const broken = await migrated();
      broken.store.load(physicalRows(logicalKey(actor, "/META"), Uint8Array.of(9, 9)));
      expect(await rollbackActor(broken.context, actor.id, { dryRun: false }, signal)).to.include({
        reason: "v2_unreadable",
      });
      const other = testActor(42);
      expect(await rollbackActor(awake.context, other.id, { dryRun: false }, signal)).to.include({
        reason: "not_migrated",
      });
    });

    it("keeps v2 where v1 is no whole database any more, in whichever way", async () => {
      const isOfMainFile = (reason: string): boolean => !/^(journal|wal|shm)_present$/.test(reason);
      const empty = v1Rows(actor, new Uint8Array(0));
      const damaged = brokenActors(actor, image).filter(({ reason }) => isOfMainFile(reason));
      for (const { title, rows } of [...damaged, { title: "an empty one", rows: empty }]) {
        for (const options of [{}, STAGED]) {
          const { store, context } = await migrated(options);
          store.load(rows, [v1Range(actor.id)]);
          const before = store.dump();
          for (const dryRun of [true, false]) {
            const result = await rollbackActor(context, actor.id, { dryRun }, signal);
            expect(result, title).to.deep.equal({ kind: "refused", reason: "v1_unreadable" });
          }
          expect(store.dump()).to.deep.equal(before);
        }
      }
    });

    it("takes an actor back to what an old runner wrote to v1 since, also where it crashed", async () => {
      const written = sqliteImageAfter(image, "UPDATE pad SET content = randomblob(length(content))");
      const header = { sectorSize: 4096, pageSize: 4096 };
      const journal = journalOf(image.length / PAGE, { records: [], header });
      for (const rows of [fileRows(actor, TAG.main, written), fileRows(actor, TAG.journal, journal)]) {
        const { store, context } = await migrated();
        store.load(rows);
        expect(await rollbackActor(context, actor.id, { dryRun: false }, signal)).to.include({ kind: "rolled_back" });
        expect(v2RowsOf(actor, store.dump())).to.have.length(0);
      }
    });

    it("takes an empty database back", async () => {
      const { store, context } = await migrated({}, new Uint8Array(0));
      expect(await rollbackActor(context, actor.id, { dryRun: false }, signal)).to.include({ kind: "rolled_back" });
      expect(v2RowsOf(actor, store.dump())).to.have.length(0);
    });
  });

  describe("verify", () => {
    const verify = async (context: Awaited<ReturnType<typeof migrated>>["context"]) =>
      verifyActor(context, actor.id, "full", signal);

    it("finds v1 and v2 the same, and v2 sound", async () => {
      for (const options of [{}, STAGED, { layout: "delta" }]) {
        const { context } = await migrated(options);
        expect(await verify(context)).to.deep.equal({
          comparison: "same",
          integrity: "ok",
          lines: [],
          pages: image.length / 4096,
        });
      }
    });

    it("says when there is nothing to compare with", async () => {
      const { store, context } = await migrated();
      engineWrites(store);
      expect((await verify(context)).comparison).to.equal("written_since");
      expect(await verifyActor(context, testActor(42).id, "full", signal)).to.deep.equal({
        comparison: "no_v2_image",
      });
    });

    it("tells an actor that was rolled back from one that lost its image, until it is migrated again", async () => {
      const { store, clock, context } = await migrated();
      await rollbackActor(context, actor.id, { dryRun: false }, signal);
      expect(await verify(context)).to.deep.equal({ comparison: "rolled_back" });
      expect((await attempt(store, actor, clock, { rolledBack: "migrate" })).state).to.equal("migrated");
      expect((await verify(context)).comparison).to.equal("same");
      store.load(entryRows(actor, fileChunkK(TAG.main, 1), new Uint8Array(4096).fill(1)));
      expect((await verify(context)).comparison).to.equal("v1_changed");
    });
  });

  describe("cleanup", () => {
    const options = { holdMs: 7 * DAY_MS, delete: true, who: "test" };

    it("removes SQLite's v1 rows after the hold, and leaves the actor's other entries", async () => {
      const { store, clock, context } = await migrated();
      expect(await cleanupActor(context, actor.id, options, signal)).to.include({ reason: "on_hold" });
      clock.advance(8 * DAY_MS);
      expect(await cleanupActor(context, actor.id, { ...options, delete: false }, signal)).to.include({
        kind: "removable",
      });
      expect(v1Left(store)).not.to.have.length(0);
      expect(await cleanupActor(context, actor.id, options, signal)).to.include({ kind: "removed" });
      expect(v1Left(store)).to.have.length(0);
      const kv = store.dump().filter((row) => Buffer.from(row.key).indexOf(kvSubspace(actor)) === 0);
      expect(kv).to.have.length(2);
      expect(await cleanupActor(context, actor.id, options, signal)).to.include({ reason: "no_v1_data" });
      expect(await rollbackActor(context, actor.id, { dryRun: false }, signal)).to.include({ reason: "no_v1_data" });
    });

    it("reads nothing of v2 again for an actor whose rows it removed: whoever goes on need not wait for that", async () => {
      const { store, clock, context } = await migrated();
      clock.advance(8 * DAY_MS);
      expect(await cleanupActor(context, actor.id, options, signal)).to.include({ kind: "removed" });
      const labels = new Set<string>();
      const watched = new MemoryStore({
        from: store,
        gate: (_point, label) => {
          labels.add(label);
          return Promise.resolve();
        },
      });
      const again = await cleanupActor({ ...context, store: watched }, actor.id, options, signal);
      expect(again).to.include({ reason: "no_v1_data" });
      expect([...labels]).to.deep.equal(["cleanup"]);
    });

    it("keeps v1 when nothing was verified, or v2 does not open clean", async () => {
      const unverified = await migrated({ verify: false });
      unverified.clock.advance(8 * DAY_MS);
      expect(await cleanupActor(unverified.context, actor.id, options, signal)).to.include({ reason: "not_verified" });
      const broken = await migrated();
      broken.clock.advance(8 * DAY_MS);
      const [row] = v2RowsOf(actor, broken.store.dump()).filter(({ value }) => value.length > 200);
      broken.store.load([{ key: row?.key ?? new Uint8Array(), value: (row?.value ?? new Uint8Array()).slice(0, 150) }]);
      expect(await cleanupActor(broken.context, actor.id, options, signal)).to.include({ reason: "v2_not_clean" });
      expect(v1Left(broken.store)).not.to.have.length(0);
    });
  });
});
