import { expect } from "chai";
import type { Outcome } from "../../../src/migration/outcome.ts";
import { storeRows } from "../../../src/migration/rows.ts";
import { makeDepotTarget } from "../../../src/migration/targets/depot/depot-target.ts";
import { attempt, depotContext, type AttemptOptions } from "../../support/depot-attempt.ts";
import { branchesWithRows, pointerOf } from "../../support/depot-reference.ts";
import {
  bucketRows,
  BUCKET_BRANCH,
  bytes,
  clearKeys,
  dumpRows,
  ENGINE_BRANCH,
  engineDatabase,
  importMarkerRow,
  lifeFieldKey,
  lifeFieldRow,
  lifeWordKey,
  NAMESPACE_ID,
  pointerRow,
  POOL_KEY,
  putRows,
  sleepingActor,
  takeOverRows,
  wakeRows,
  workflowId,
} from "../../support/depot-world.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import {
  bytesOf,
  fileRows,
  idText,
  PAGE,
  syntheticImage,
  TAG,
  testActor,
  v1Rows,
  type Row,
} from "../../support/v1-actors.ts";
import { DepotEngine } from "../../support/depot-engine.ts";
import { assertReadable, freshWorld, type Prepared } from "./prepared.ts";

const IMAGE = syntheticImage(70, "text");
const WAYS = [
  ["in one transaction", {}],
  ["staged", { smallImageBytes: -1 }],
] as const;

/** A page 1 with other bytes at an offset. */
function edited(offset: number, ...values: number[]): Uint8Array {
  const image = Uint8Array.from(IMAGE);
  image.set(values, offset);
  return image;
}

describe("Depot's gates", () => {
  for (const [way, migration] of WAYS) {
    describe(way, () => {
      let prepared: Prepared;
      let store: MemoryStore;

      beforeEach(async () => {
        store = new MemoryStore();
        prepared = await freshWorld(store);
      });

      /** An attempt that must come to nothing: no pointer, no row of any branch of Ferry's. */
      async function refused(options: AttemptOptions = {}, image = IMAGE): Promise<Outcome> {
        await prepared.putV1(image);
        const before = new Set((await depotRows()).map(rowText));
        const outcome = await attempt(store, prepared.world, prepared.actor, { ...options, migration });
        const added = (await depotRows()).filter((row) => !before.has(rowText(row)));
        expect(added.filter(({ key }) => key[1] !== 0x11 && key[1] !== 0x21)).to.deep.equal([]);
        return outcome;
      }

      async function depotRows(): Promise<Row[]> {
        return (await dumpRows(store)).filter(({ key }) => key[0] === 2 && key[1] !== 0x66);
      }

      it("needs a namespace: the actor's, else the job's", async () => {
        await clearKeys(store, [lifeFieldKey(prepared.actor, "NAMESPACE_ID")]);
        expect(await refused()).to.include({ state: "rejected", reason: "namespace_unknown" });
        await putRows(store, [lifeFieldRow(prepared.actor, "NAMESPACE_ID", Uint8Array.of(1, 2))]);
        expect(await refused({ depot: { namespace: NAMESPACE_ID } })).to.include({ reason: "namespace_unknown" });
        await clearKeys(store, [lifeFieldKey(prepared.actor, "NAMESPACE_ID")]);
        const options = { depot: { namespace: NAMESPACE_ID }, migration };
        expect(await attempt(store, prepared.world, prepared.actor, options)).to.include({ state: "migrated" });
        assertReadable(store.dump(), prepared.actor);
      });

      it("takes an actor that no engine knows with the job's namespace, and asks no pool", async () => {
        const stranger = testActor(7);
        await putRows(store, v1Rows(stranger, IMAGE));
        const options = { depot: { namespace: NAMESPACE_ID, runnersDrained: false }, migration };
        expect(await attempt(store, prepared.world, stranger, options)).to.include({ state: "migrated" });
        assertReadable(store.dump(), stranger);
      });

      it("waits for a pool whose runners speak v1's protocol", async () => {
        await clearKeys(store, [POOL_KEY]);
        expect(await refused()).to.include({ state: "deferred", reason: "pool_on_v1" });
      });

      it("waits until the pool's protocol was seen for longer than engines cache it", async () => {
        await putRows(store, [{ key: POOL_KEY, value: Uint8Array.of(0, 3) }]);
        expect(await refused()).to.include({ state: "deferred", reason: "pool_on_v1" });
        prepared.world.nowMs += 2_000;
        expect(await refused()).to.include({ state: "deferred", reason: "pool_on_v1" });
        prepared.world.nowMs += 3_000;
        const outcome = await attempt(store, prepared.world, prepared.actor, { migration });
        expect(outcome).to.include({ state: "migrated" });
      });

      it("does not wait for that where a plan takes pools for settled, also for one that nobody has seen", async () => {
        await putRows(store, [{ key: POOL_KEY, value: Uint8Array.of(0, 3) }]);
        const planned = { migration, depot: { takesPoolsForSettled: true } };
        await prepared.putV1(IMAGE);
        const { world, actor } = prepared;
        const unseen = new MemoryStore({ from: store });
        expect(await attempt(unseen, world, actor, planned)).to.include({ state: "migrated" });
        expect(await refused()).to.include({ state: "deferred", reason: "pool_on_v1" });
        expect(await attempt(store, world, actor, planned)).to.include({ state: "migrated" });
      });

      it("waits for an actor whose pool has no name", async () => {
        await clearKeys(store, [lifeFieldKey(prepared.actor, "RUNNER_NAME_SELECTOR")]);
        expect(await refused()).to.include({ state: "deferred", reason: "pool_on_v1" });
      });

      it("waits until someone has declared old runners drained", async () => {
        expect(await refused({ depot: { runnersDrained: false } })).to.include({ reason: "pool_on_v1" });
      });

      for (const field of ["CONNECTABLE", "RUNNER_ID", "ENVOY_KEY"] as const) {
        it(`waits for an actor with ${field}`, async () => {
          await putRows(store, [lifeFieldRow(prepared.actor, field, workflowId(3))]);
          expect(await refused()).to.include({ state: "deferred", reason: "actor_awake" });
        });
      }

      it("leaves a destroyed actor alone for good, whatever else is said of it", async () => {
        await putRows(store, [
          lifeFieldRow(prepared.actor, "DESTROY_TS", workflowId(3)),
          lifeFieldRow(prepared.actor, "RUNNER_ID", workflowId(3)),
        ]);
        expect(await refused()).to.include({ state: "skipped", reason: "destroyed" });
        await clearKeys(store, [lifeFieldKey(prepared.actor, "NAMESPACE_ID")]);
        expect(await refused()).to.include({ state: "skipped", reason: "destroyed" });
      });

      it("waits for an actor that is known and has no SLEEP_TS", async () => {
        await clearKeys(store, [lifeFieldKey(prepared.actor, "SLEEP_TS")]);
        expect(await refused()).to.include({ state: "deferred", reason: "actor_awake" });
      });

      it("leaves an actor to the engine that took it over and can migrate it", async () => {
        await putRows(store, takeOverRows(prepared.actor));
        expect(await refused()).to.include({ state: "deferred", reason: "engine_took_over" });
        expect(await refused({}, syntheticImage(320, "zeros"))).to.include({ reason: "engine_took_over" });
      });

      it("migrates what the engine took over and cannot migrate, and says how to wake it", async () => {
        await putRows(store, takeOverRows(prepared.actor));
        await prepared.putV1(syntheticImage(321, "zeros"));
        const options = { migration: { smallImageBytes: 4_000_000, ...migration } };
        const outcome = await attempt(store, prepared.world, prepared.actor, options);
        expect(outcome).to.include({ state: "migrated", pages: 321 });
        expect(outcome.detail).to.include(`rivet-engine wf wake ${idText(workflowId(2))}`);
      });

      it("leaves an actor that a newer engine has marked for its own import, whatever its size", async () => {
        await putRows(store, [...takeOverRows(prepared.actor), importMarkerRow(prepared.actor, 321)]);
        const outcome = await refused({}, syntheticImage(321, "zeros"));
        expect(outcome).to.include({ state: "deferred", reason: "engine_took_over" });
        expect(outcome.detail).to.match(/a row about it that Ferry does not know/);
      });

      it("knows the other rows of an actor that actor2 has, and asks for none of an actor of v1's", async () => {
        // CREATE_TS, NAME, KEY, GENERATION
        const others = [15, 19, 78, 130].map((word) => ({ key: lifeWordKey(prepared.actor, word), value: bytes() }));
        await putRows(store, [...takeOverRows(prepared.actor), ...others]);
        await prepared.putV1(syntheticImage(321, "zeros"));
        expect(await attempt(store, prepared.world, prepared.actor, { migration })).to.include({ state: "migrated" });
        const other = testActor(2);
        await putRows(store, [...sleepingActor(other), importMarkerRow(other, 1), ...v1Rows(other, IMAGE)]);
        expect(await attempt(store, prepared.world, other, { migration })).to.include({ state: "migrated" });
      });

      it("leaves an import of a newer engine's alone until page 1 is there, and then counts it as migrated", async () => {
        await putRows(store, takeOverRows(prepared.actor));
        await prepared.putV1(syntheticImage(330, "random"));
        const target = makeDepotTarget({ now: prepared.world.now });
        const rows = storeRows(store, new AbortController().signal);
        const seen: string[] = [];
        for await (const step of new DepotEngine(store, prepared.actor, prepared.world.now).importV1()) {
          if (step !== "looked") {
            const outcome = await refused({}, syntheticImage(330, "random"));
            const pages = await target.readPageCount(rows, prepared.actor.id);
            seen.push(`${step}: ${outcome.state} ${outcome.reason ?? ""}, ${pages ?? "no"} pages to read`);
          }
        }
        const deferred = "deferred engine_took_over";
        expect(seen).to.deep.equal([
          `marked: ${deferred}, no pages to read`,
          `committed: ${deferred}, no pages to read`,
          `committed: ${deferred}, no pages to read`,
          "ended: skipped already_migrated, 330 pages to read",
        ]);
        expect(await refused({}, syntheticImage(330, "random"))).to.include({ reason: "already_migrated" });
      });

      it("counts a database without a DELTA of page 1 as migrated where that page may lie elsewhere", async () => {
        const pages = new Map([[2, IMAGE.subarray(PAGE, 2 * PAGE)]]);
        const unfinished = [...bucketRows(BUCKET_BRANCH), ...engineDatabase(prepared.actor, BUCKET_BRANCH, pages)];
        const base = bytesOf(2, 0x30, "/", ENGINE_BRANCH);
        await putRows(store, unfinished);
        expect(await refused()).to.include({ state: "deferred", reason: "engine_took_over" });
        const record = bytesOf(2, 0x20, "/list/", ENGINE_BRANCH);
        const fork = bytes("0100", 16, ENGINE_BRANCH, 16, BUCKET_BRANCH, 1, 16, BUCKET_BRANCH, 1, new Uint8Array(51));
        for (const [title, row] of [
          ["compacted", { key: bytesOf(base, "/CMP/root"), value: bytes() }],
          ["a shard", { key: bytesOf(base, "/SHARD/", 0, 0, 0, 0, "/", new Uint8Array(8)), value: bytes() }],
          ["a fork", { key: record, value: fork }],
          ["empty", { key: bytesOf(base, "/META/head"), value: bytes("0100", new Uint8Array(20), 16, ENGINE_BRANCH) }],
        ] as const) {
          await putRows(store, [row]);
          expect(await refused(), title).to.include({ state: "skipped", reason: "already_migrated" });
          await clearKeys(store, [row.key]);
          await putRows(store, unfinished);
        }
        await putRows(store, [lifeFieldRow(prepared.actor, "DESTROY_TS", new Uint8Array(8))]);
        expect(await refused()).to.include({ state: "skipped", reason: "destroyed" });
      });

      it("leaves what is to be recovered and the engine took over, as a newer one could write v1's pages over it", async () => {
        const journal = fileRows(prepared.actor, TAG.journal, new Uint8Array(512));
        await putRows(store, [...takeOverRows(prepared.actor), ...journal]);
        const options = { migration: { ...migration, journal: "rollback" } } as const;
        await prepared.putV1(syntheticImage(321, "zeros"));
        const outcome = await attempt(store, prepared.world, prepared.actor, options);
        expect(outcome).to.include({ state: "deferred", reason: "engine_took_over" });
        await clearKeys(store, [lifeFieldKey(prepared.actor, "VERSION")]);
        expect(await attempt(store, prepared.world, prepared.actor, options)).to.include({ state: "migrated" });
      });

      it("leaves an actor of a version that nobody knows", async () => {
        await putRows(store, [lifeFieldRow(prepared.actor, "VERSION", Uint8Array.of(0, 0, 0, 3))]);
        expect(await refused({}, syntheticImage(321, "zeros"))).to.include({ reason: "engine_took_over" });
      });

      for (const [title, rows] of [
        ["frozen", bucketRows(BUCKET_BRANCH, { state: 1 })],
        ["a fork", bucketRows(BUCKET_BRANCH, { parent: true })],
        ["without a record", bucketRows(BUCKET_BRANCH).slice(0, 1)],
        ["unreadable", [{ key: bucketRows(BUCKET_BRANCH)[0]?.key ?? bytes(), value: bytes("01") }]],
      ] as const) {
        it(`rejects for a bucket that is ${title}`, async () => {
          await clearBucket();
          await putRows(store, rows);
          expect(await refused()).to.include({ state: "rejected", reason: "bucket_not_live" });
        });
      }

      describe("for a database that was deleted", () => {
        const under = (bucketBranch: Uint8Array): Row[] =>
          engineDatabase(prepared.actor, bucketBranch, new Map([[1, IMAGE.slice(0, PAGE)]]));

        beforeEach(async () => {
          await clearBucket();
          const name = idText(prepared.actor.idBytes);
          const tombstone = bytesOf(2, 0x21, "/list/", BUCKET_BRANCH, "/database_tombstones/", name);
          await putRows(store, [...bucketRows(BUCKET_BRANCH), { key: tombstone, value: bytes() }]);
        });

        it("rejects", async () => {
          expect(await refused()).to.include({ state: "rejected", reason: "bucket_not_live" });
        });

        it("rejects also where an older pointer lies under the nil bucket, which the engine does not come to then", async () => {
          await putRows(store, under(new Uint8Array(16)));
          expect(await refused()).to.include({ state: "rejected", reason: "bucket_not_live" });
        });

        it("skips where it was made anew, as the engine looks for the pointer first", async () => {
          await putRows(store, under(BUCKET_BRANCH));
          expect(await refused()).to.include({ state: "skipped", reason: "already_migrated" });
        });
      });

      it("skips what the engine has migrated", async () => {
        await clearBucket();
        await putRows(store, [
          ...bucketRows(BUCKET_BRANCH),
          ...engineDatabase(prepared.actor, BUCKET_BRANCH, new Map([[1, IMAGE.slice(0, PAGE)]])),
        ]);
        expect(await refused()).to.include({ state: "skipped", reason: "already_migrated" });
      });

      it("skips what has a pointer under the nil bucket", async () => {
        const engine = engineDatabase(prepared.actor, new Uint8Array(16), new Map([[1, IMAGE.slice(0, PAGE)]]));
        await putRows(store, engine);
        expect(await refused()).to.include({ state: "skipped", reason: "already_migrated" });
        // The engine goes on to the nil one where the bucket has none.
        await clearBucket();
        await putRows(store, bucketRows(BUCKET_BRANCH));
        expect(await refused()).to.include({ state: "skipped", reason: "already_migrated" });
      });

      it("skips what has a head from before there were branches, and rejects one that cannot be read", async () => {
        const key = bytesOf(2, idText(prepared.actor.idBytes), "/META/head");
        await putRows(store, [{ key, value: bytes("01") }]);
        expect(await refused()).to.include({ state: "rejected", reason: "v2_meta_undecodable" });
        const value = bytes("0100", "0100000000000000", "01000000", "0000000000000000", 16, ENGINE_BRANCH);
        await putRows(store, [{ key, value }]);
        expect(await refused()).to.include({ state: "skipped", reason: "already_migrated" });
      });

      it("rejects a pointer that leads nowhere: the engine would take it for an empty database", async () => {
        await clearBucket();
        await putRows(store, [...bucketRows(BUCKET_BRANCH), pointerRow(prepared.actor, BUCKET_BRANCH, ENGINE_BRANCH)]);
        expect(await refused()).to.include({ state: "rejected", reason: "v2_meta_undecodable" });
      });

      it("rejects a pointer to a branch without a head, or without a record", async () => {
        await clearBucket();
        const engine = engineDatabase(prepared.actor, BUCKET_BRANCH, new Map([[1, IMAGE.slice(0, PAGE)]]));
        for (const gone of [
          bytesOf(2, 0x30, "/", ENGINE_BRANCH, "/META/head"),
          bytesOf(2, 0x20, "/list/", ENGINE_BRANCH),
        ]) {
          await putRows(store, [...bucketRows(BUCKET_BRANCH), ...engine]);
          await clearKeys(store, [gone]);
          expect(await refused()).to.include({ state: "rejected", reason: "v2_meta_undecodable" });
        }
      });

      it("leaves a bucket that somebody made meanwhile, with whatever has come to it", async () => {
        const { target } = depotContext(store, prepared.world);
        const prepare = (random: Uint8Array): Promise<void> =>
          store.transact((tx) => target.prepare(tx, prepared.actor.id, { random, nowMs: 1 }));
        await clearBucket();
        await prepare(new Uint8Array(16).fill(1));
        const before = await depotRows();
        expect(before).to.have.length(3);
        await prepare(new Uint8Array(16).fill(2));
        expect(await depotRows()).to.deep.equal(before);
      });

      it("rejects a header that counts other pages, by which the engine would cut the database", async () => {
        expect(await refused({}, edited(31, 69))).to.include({
          state: "rejected",
          reason: "header_page_count_mismatch",
        });
      });

      it("rejects a header in WAL mode", async () => {
        expect(await refused({}, edited(18, 2, 2))).to.include({
          state: "rejected",
          reason: "journal_mode_unsupported",
        });
      });

      it("says what is wrong with chunks before what is wrong with the header", async () => {
        const rows = v1Rows(prepared.actor, edited(31, 69));
        await putRows(store, rows.slice(0, -2));
        const outcome = await attempt(store, prepared.world, prepared.actor, { migration });
        expect(outcome).to.include({ state: "rejected", reason: "chunk_missing" });
        expect(branchesWithRows(store.dump())).to.deep.equal([]);
      });

      it("rejects more pages than the limit", async () => {
        expect(await refused({ depot: { maxPages: 69 } })).to.include({ state: "rejected", reason: "too_many_pages" });
        const options = { depot: { maxPages: 70 }, migration };
        expect(await attempt(store, prepared.world, prepared.actor, options)).to.include({ state: "migrated" });
      });

      it("leaves an actor that woke", async () => {
        const { set, clear } = wakeRows(prepared.actor);
        await putRows(store, set);
        await clearKeys(store, clear);
        expect(await refused()).to.include({ state: "deferred", reason: "actor_awake" });
        expect(pointerOf(store.dump(), prepared.actor)).to.equal(undefined);
      });

      async function clearBucket(): Promise<void> {
        const rows = (await dumpRows(store)).filter(({ key }) => key[0] === 2 && (key[1] === 0x11 || key[1] === 0x21));
        await clearKeys(
          store,
          rows.map(({ key }) => key),
        );
      }
    });
  }
});

function rowText({ key, value }: Row): string {
  return `${Buffer.from(key).toString("hex")}=${Buffer.from(value).toString("hex")}`;
}
