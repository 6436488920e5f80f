import { expect } from "chai";
import { readOutcome } from "../../../src/campaign/ledger/ledger.ts";
import { DEFAULT_MIGRATION_OPTIONS, type MigrationOptions } from "../../../src/migration/context.ts";
import { examineActor } from "../../../src/migration/examine-actor.ts";
import { migrateActor } from "../../../src/migration/migrate-actor.ts";
import type { Outcome } from "../../../src/migration/outcome.ts";
import { storageTarget } from "../../../src/migration/targets/storage/storage-target.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { attempt, depotContext } from "../../support/depot-attempt.ts";
import { branchesWithRows, pointerOf } from "../../support/depot-reference.ts";
import {
  bucketRows,
  BUCKET_BRANCH,
  dumpRows,
  engineDatabase,
  clearKeys,
  lifeFieldRow,
  POOL_KEY,
  putRows,
  takeOverRows,
  workflowId,
} from "../../support/depot-world.ts";
import { CrashError, FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import {
  encodeReferenceHead,
  logicalKey,
  physicalRows,
  sha256,
  v2RowsOf,
  type ReferenceHead,
} from "../../support/reference.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { sqliteImageAfter, sqliteImageOfPages } from "../../support/v1-actors-sqlite.ts";
import { PAGE, v1Rows, type Row, type TestActor } from "../../support/v1-actors.ts";
import { assertSound, COMPETITORS, IMAGE, LEASE_MS, scene, WAYS, type Scene } from "./fault-scenes.ts";
import { assertReadable, freshWorld, type Prepared } from "./prepared.ts";

/*
 * An actor whose database is in v2's older form, sqlite-storage, before the cluster's engine reads Depot: what was committed there is
 * not in v1, and v1 must not pass for it.
 */

/** META as a migration leaves it, FORMATS §5. */
const MIGRATED: ReferenceHead = {
  generation: 1n,
  headTxid: 1n,
  nextTxid: 2n,
  materializedTxid: 0n,
  pages: IMAGE.length / PAGE,
  creationTsMs: 1_700_000_000_000n,
  storageUsed: 1_000n,
  maxStorage: 10n * 1024n ** 3n,
  origin: 1,
};
const WRITTEN = { ...MIGRATED, headTxid: 2n, nextTxid: 3n };

function meta(actor: TestActor, head: Partial<ReferenceHead> | Uint8Array): Row[] {
  const value = head instanceof Uint8Array ? head : encodeReferenceHead({ ...MIGRATED, ...head });
  return physicalRows(logicalKey(actor, "/META"), value);
}

const SAFE: Readonly<Record<string, Partial<ReferenceHead>>> = {
  "a migration left and nobody wrote": {},
  "compaction has gone over, and nobody else": { materializedTxid: 1n },
  "is of an image of another size, as v1 was written since": { pages: 7 },
  "is a stage that was never finished": { origin: 2, headTxid: 0n, pages: 0 },
  "is a stage of Ferry's own, of a random generation": { origin: 2, headTxid: 0n, pages: 0, generation: 0x77n },
  "is a migration's before its stage": { origin: 2, headTxid: 0n, nextTxid: 1n, pages: 0 },
};

const UNSAFE: Readonly<Record<string, Partial<ReferenceHead> | Uint8Array>> = {
  "the engine has written since": WRITTEN,
  "the engine has written often, and made smaller": { headTxid: 900n, nextTxid: 901n, pages: 2 },
  "the engine began to write": { nextTxid: 3n },
  "the engine has begun anew": { generation: 2n },
  "was born there": { origin: 0 },
  "was born there, and never written": { origin: 0, headTxid: 0n, nextTxid: 1n, pages: 0 },
  "was born there, in the form without an origin": encodeReferenceHead({ ...MIGRATED, origin: 0 }).subarray(0, 72),
};

const UNDECODABLE: Readonly<Record<string, Row["value"]>> = {
  "of no length that is known": Uint8Array.of(0, 9, 9, 9),
  "of an origin that is not known": Uint8Array.of(0, ...encodeReferenceHead({ ...MIGRATED, origin: 3 })),
  "not inline": Uint8Array.of(1, 0, 0, 0, 73, 0, 0, 0, 1),
  empty: new Uint8Array(0),
};

describe("Depot's look at v2's older form", () => {
  const folder = temporaryFolder();

  for (const [way, migration] of WAYS) {
    describe(way, () => {
      let prepared: Prepared;
      let store: Store;

      beforeEach(async () => {
        store = await openStore(folder.store);
        prepared = await freshWorld(store);
        await prepared.putV1(IMAGE);
      });

      afterEach(async () => {
        await store.close();
      });

      /** What a dry run says, and then an attempt, which must leave everything but the ledger as it is. */
      async function refused(reason: string): Promise<void> {
        const before = await rowsOfOthers();
        expect(await examined()).to.include({ state: "rejected", reason });
        const outcome = await attempted();
        expect(outcome).to.include({ state: "rejected", reason });
        expect(outcome.detail).to.include(`docs/runbooks/${reason}.md`);
        expect(await rowsOfOthers()).to.deep.equal(before);
      }

      async function examined(): Promise<{ state: string; reason?: string }> {
        const context = depotContext(store, prepared.world);
        const options = { ...DEFAULT_MIGRATION_OPTIONS, ...migration };
        return examineActor(context, prepared.actor.id, options, new AbortController().signal);
      }

      async function rowsOfOthers(): Promise<string[]> {
        return (await dumpRows(store))
          .filter(({ key }) => key[1] !== 0x66)
          .map(({ key, value }) => `${Buffer.from(key).toString("hex")}=${Buffer.from(value).toString("hex")}`);
      }

      async function attempted(): Promise<Outcome> {
        return attempt(store, prepared.world, prepared.actor, { migration });
      }

      async function removeV1(): Promise<void> {
        await clearKeys(
          store,
          v1Rows(prepared.actor, IMAGE).map(({ key }) => key),
        );
      }

      async function putEngineDatabase(): Promise<void> {
        await putRows(store, [
          ...bucketRows(BUCKET_BRANCH),
          ...engineDatabase(prepared.actor, BUCKET_BRANCH, new Map([[1, IMAGE.slice(0, PAGE)]])),
        ]);
      }

      async function migrates(): Promise<Outcome> {
        expect(await examined()).to.include({ state: "migrated" });
        const outcome = await attempted();
        expect(outcome).to.include({ state: "migrated" });
        expect(sha256(assertReadable(await dumpRows(store), prepared.actor).image)).to.equal(sha256(IMAGE));
        return outcome;
      }

      it("does not mind that there is nothing", async () => {
        await migrates();
      });

      for (const [title, head] of Object.entries(SAFE)) {
        it(`does not mind a database that ${title}`, async () => {
          await putRows(store, meta(prepared.actor, head));
          await migrates();
        });
      }

      it("does not mind what Ferry itself migrated there", async () => {
        const options = { ...DEFAULT_MIGRATION_OPTIONS, ...migration };
        const context = { ...depotContext(store, prepared.world), target: storageTarget };
        const first = await migrateActor(context, prepared.actor.id, options, new AbortController().signal);
        expect(first.state).to.equal("migrated");
        expect(await migrates()).not.to.have.property("detail");
      });

      it("is no look at what Depot itself had: an image of Ferry's that is gone from there is told, whatever came between", async () => {
        expect(await migrates()).not.to.have.property("detail");
        const pointers = (await dumpRows(store)).filter(({ key }) => key[0] === 2 && key[1] === 0x10);
        const awake = lifeFieldRow(prepared.actor, "ENVOY_KEY", workflowId(3));
        await clearKeys(
          store,
          pointers.map(({ key }) => key),
        );
        await putRows(store, [awake]);
        expect(await attempted()).to.include({ state: "deferred" });
        await clearKeys(store, [awake.key]);
        const again = await attempted();
        expect(again).to.include({ state: "migrated", sha256: sha256(IMAGE) });
        expect(again.detail).to.match(/^Ferry had migrated the actor before, and v2 held nothing of that any more/);
      });

      for (const [title, head] of Object.entries(UNSAFE)) {
        it(`leaves a database that ${title}`, async () => {
          await putRows(store, meta(prepared.actor, head));
          await refused("storage_v2_written");
        });
      }

      for (const [title, value] of Object.entries(UNDECODABLE)) {
        it(`leaves a database whose head cannot be read: ${title}`, async () => {
          const [row] = meta(prepared.actor, {});
          await putRows(store, row === undefined ? [] : [{ ...row, value }]);
          await refused("v2_meta_undecodable");
        });
      }

      it("says so before what waiting or an operator mends", async () => {
        await putRows(store, meta(prepared.actor, WRITTEN));
        await putRows(store, [
          ...takeOverRows(prepared.actor),
          lifeFieldRow(prepared.actor, "ENVOY_KEY", workflowId(3)),
          ...bucketRows(BUCKET_BRANCH, { state: 1 }),
        ]);
        await clearKeys(store, [POOL_KEY]);
        await refused("storage_v2_written");
      });

      it("takes one of actor2's that SQLite has made too large for the engine, as its runbook has it done", async () => {
        const sql = "CREATE TABLE padding AS SELECT zeroblob(1400000) AS x; DROP TABLE padding;";
        const image = sqliteImageAfter(sqliteImageOfPages(5), sql);
        await removeV1();
        await prepared.putV1(image);
        await putRows(store, takeOverRows(prepared.actor));
        const outcome = await attempted();
        expect(outcome).to.include({ state: "migrated", pages: image.length / PAGE });
        await prepared.assertExported(image);
      });

      it("leaves it also where the engine itself has brought v1 to Depot, or begun there with nothing", async () => {
        await putEngineDatabase();
        await putRows(store, meta(prepared.actor, {}));
        expect(await attempted()).to.include({ state: "skipped", reason: "already_migrated" });
        await putRows(store, meta(prepared.actor, WRITTEN));
        await refused("storage_v2_written");
        await removeV1();
        await putRows(store, meta(prepared.actor, {}));
        await refused("storage_v2_written");
      });

      it("leaves it where v1 has nothing, also where nobody has written it since its migration", async () => {
        await removeV1();
        expect(await attempted()).to.include({ state: "skipped", reason: "no_v1_data" });
        await putRows(store, meta(prepared.actor, { origin: 2, headTxid: 0n, pages: 0 }));
        expect(await attempted()).to.include({ state: "skipped", reason: "no_v1_data" });
        for (const head of [{}, WRITTEN, { origin: 0 }]) {
          await putRows(store, meta(prepared.actor, head));
          await refused("storage_v2_written");
        }
      });

      it("is told where v1 was cleaned up after Ferry's migration to it, though the ledger says migrated", async () => {
        const options = { ...DEFAULT_MIGRATION_OPTIONS, ...migration };
        const context = { ...depotContext(store, prepared.world), target: storageTarget };
        await migrateActor(context, prepared.actor.id, options, new AbortController().signal);
        await removeV1();
        await refused("storage_v2_written");
      });

      it("asks nothing of it once Ferry has brought the actor to Depot", async () => {
        await migrates();
        await putRows(store, meta(prepared.actor, WRITTEN));
        expect(await attempted()).to.include({ state: "migrated" });
        await removeV1();
        expect(await attempted()).to.include({ state: "migrated" });
      });

      it("asks nothing of it of an actor that is destroyed", async () => {
        await putRows(store, meta(prepared.actor, WRITTEN));
        await putRows(store, [lifeFieldRow(prepared.actor, "DESTROY_TS", new Uint8Array(8))]);
        expect(await attempted()).to.include({ reason: "destroyed" });
        await putEngineDatabase();
        expect(await attempted()).to.include({ reason: "already_migrated" });
      });
    });

    it(`keeps in the ledger what Ferry migrated there where the engine brings v1 to Depot before any commit, ${way}`, async () => {
      const brought = COMPETITORS["the engine commits the database"];
      const begun = async (): Promise<Scene & { first: Outcome }> => {
        const met = await scene(new MemoryStore());
        const context = { ...depotContext(met.store, met.world), target: storageTarget };
        const options = { ...DEFAULT_MIGRATION_OPTIONS, ...migration };
        return { ...met, first: await migrateActor(context, met.actor.id, options, new AbortController().signal) };
      };
      const whole = await begun();
      const counted = new FaultyStore(whole.store);
      await attempt(counted, whole.world, whole.actor, { migration });
      for (let at = 1; at <= counted.commits.length; at += 1) {
        const met = await begun();
        const faulty = new FaultyStore(met.store, at, async () => brought?.(met, migration));
        const all = new FaultyStore(faulty);
        expect(await attempt(all, met.world, met.actor, { migration }), `commit ${at}`).to.deep.equal(met.first);
        expect(await readOutcome(met.store, met.actor.id), `commit ${at}`).to.deep.equal(met.first);
        expect(await assertSound(met), `commit ${at}`).to.equal("engine");
        // The same where the result of the last commit is unknown, which comes after a conflict or before any.
        const once = await begun();
        const again = new FaultyStore(once.store, at, async () => brought?.(once, migration));
        const unknown = new FaultyStore(again, all.commits.length, "unknown_happened");
        expect(await attempt(unknown, once.world, once.actor, { migration }), `commit ${at}`).to.deep.equal(once.first);
      }
    });

    it(`is the last: a job of the older form leaves an actor that was brought to Depot, and its outcome, ${way}`, async () => {
      const met = await scene(new MemoryStore());
      const switched = await attempt(met.store, met.world, met.actor, { migration });
      expect(switched).to.include({ state: "migrated" });
      // An old runner writes v1 meanwhile, which Depot does not have: a cleanup goes by the image that the outcome names.
      await putRows(met.store, v1Rows(met.actor, sqliteImageOfPages(IMAGE.length / PAGE)));
      const context = { ...depotContext(met.store, met.world), target: storageTarget };
      const options = { ...DEFAULT_MIGRATION_OPTIONS, ...migration };
      const found = await migrateActor(context, met.actor.id, options, new AbortController().signal);
      expect(found).to.deep.equal(switched);
      expect(v2RowsOf(met.actor, await dumpRows(met.store))).to.deep.equal([]);
    });

    for (const [left, next, commits] of [
      ["storage", "depot", 2],
      ["depot", "storage", 3],
    ] as const) {
      it(`leaves nothing that an attempt at ${left} had staged, where ${next} takes its lease over, ${way}`, async () => {
        const met = await scene(new MemoryStore());
        const jobOf = (store: Store, form: typeof left, options: Partial<MigrationOptions>): Promise<Outcome> => {
          const context = depotContext(store, met.world);
          const target = form === "depot" ? context.target : storageTarget;
          const all = { ...DEFAULT_MIGRATION_OPTIONS, ...options };
          return migrateActor({ ...context, target }, met.actor.id, all, new AbortController().signal);
        };
        // It takes the lease, commits its first pages, and dies.
        const dying = jobOf(new FaultyStore(met.store, commits, "cut_after"), left, { smallImageBytes: 0 });
        expect(await dying.catch((error: unknown) => error)).to.be.instanceOf(CrashError);
        met.world.nowMs += LEASE_MS;
        expect(await jobOf(met.store, next, migration)).to.include({ state: "migrated" });
        const rows = await dumpRows(met.store);
        expect(v2RowsOf(met.actor, rows).length > 0).to.equal(next === "storage");
        expect(branchesWithRows(rows).length).to.equal(next === "depot" ? 1 : 0);
      });
    }

    it(`sees a commit of the engine's that comes before any of its own, ${way}`, async () => {
      const whole = await scene(new MemoryStore());
      const counted = new FaultyStore(whole.store);
      await attempt(counted, whole.world, whole.actor, { migration });
      const commits = counted.commits.length;
      expect(commits).to.be.greaterThan(1);
      for (const before of [meta(whole.actor, {}), []]) {
        for (let at = 1; at <= commits; at += 1) {
          const met = await scene(new MemoryStore());
          await putRows(met.store, before);
          const faulty = new FaultyStore(met.store, at, async () => putRows(met.store, meta(met.actor, WRITTEN)));
          const outcome = await attempt(faulty, met.world, met.actor, { migration });
          expect(outcome, `commit ${at}`).to.include({ state: "rejected", reason: "storage_v2_written" });
          met.world.nowMs += LEASE_MS;
          await assertSound(met);
          expect(pointerOf(await dumpRows(met.store), met.actor), `commit ${at}`).to.equal(undefined);
        }
      }
    });
  }
});
