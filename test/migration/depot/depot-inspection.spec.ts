import { expect } from "chai";
import { ledger } from "../../../src/campaign/ledger/ledger.ts";
import { readLease } from "../../../src/migration/lease.ts";
import { inspectDepot, type DepotInspection } from "../../../src/migration/targets/depot/depot-inspection.ts";
import type { DepotOptions } from "../../../src/migration/targets/depot/depot-options.ts";
import { attempt } from "../../support/depot-attempt.ts";
import { branchesWithRows, bucketBranchOf, readDepot } from "../../support/depot-reference.ts";
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
  NAMESPACE,
  NAMESPACE_ID,
  NOW_MS,
  pointerRow,
  POOL_KEY,
  POOL_ROW,
  putRows,
  sleepingActor,
  takeOverRows,
} from "../../support/depot-world.ts";
import { CrashError, FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { bytesOf, idText, PAGE, syntheticImage, testActor, v1Rows, type Row } from "../../support/v1-actors.ts";
import { freshWorld, type Prepared } from "./prepared.ts";

const IMAGE = syntheticImage(130, "random");

describe("inspecting an actor in Depot", () => {
  let prepared: Prepared;
  let store: MemoryStore;

  beforeEach(async () => {
    store = new MemoryStore();
    prepared = await freshWorld(store);
    await prepared.putV1(IMAGE);
  });

  async function inspect(options: Partial<DepotOptions> = {}, id = prepared.actor.id): Promise<DepotInspection> {
    const found = await look(options, id);
    if (found === undefined) {
      throw new Error("nothing of Depot was found");
    }
    return found;
  }

  async function look(options: Partial<DepotOptions>, id = prepared.actor.id): Promise<DepotInspection | undefined> {
    const lease = await store.transact(async (tx) => readLease(tx, id));
    const before = store.dump();
    const question = {
      options: { now: prepared.world.now, runnersDrained: true, ...options },
      stage: lease?.lease?.head,
    };
    const found = await inspectDepot(store, id, question, new AbortController().signal);
    expect(store.dump(), "an inspection writes nothing").to.deep.equal(before);
    return found;
  }

  /** Rows under a branch whose key has this part. */
  async function rowsOf(branch: string, part: string): Promise<number> {
    const prefix = `02302f${branch}${Buffer.from(part).toString("hex")}`;
    return (await dumpRows(store)).filter(({ key }) => Buffer.from(key).toString("hex").startsWith(prefix)).length;
  }

  it("says nothing where Depot is not in use", async () => {
    const elsewhere = new MemoryStore();
    elsewhere.load(v1Rows(testActor(5), IMAGE));
    const found = await inspectDepot(
      elsewhere,
      testActor(5).id,
      { options: { now: Date.now, namespace: NAMESPACE_ID } },
      new AbortController().signal,
    );
    expect(found).to.equal(undefined);
  });

  it("says of an actor to be migrated where it belongs, what its pool speaks and since when that is known", async () => {
    expect(await inspect()).to.deep.equal({
      namespace: NAMESPACE_ID,
      bucket: "absent",
      pool: { name: "default-pool", protocol: 2, seenAt: new Date(NOW_MS + 1_000).toISOString() },
      next: "Ferry may migrate it",
    });
  });

  it("counts what a migrated actor has, and tells whose it is", async () => {
    await attempt(store, prepared.world, prepared.actor);
    const reference = readDepot(await dumpRows(store), prepared.actor, NAMESPACE);
    const branch = reference.branch.toString("hex");
    const { database, bucket, next } = await inspect();
    const kinds = { delta: "/DELTA/", pidx: "/PIDX/", shard: "/SHARD/", commits: "/COMMITS/", vtx: "/VTX/" };
    const counted = await Promise.all(
      Object.entries(kinds).map(async ([kind, part]) => [kind, await rowsOf(branch, part)] as const),
    );
    expect(counted.find(([kind]) => kind === "delta")?.[1]).to.be.above(10);
    const quota = (await dumpRows(store)).find(({ key }) => Buffer.from(key).includes("/META/quota"));
    expect({ database, bucket, next }).to.deep.equal({
      bucket: "live",
      database: {
        branch,
        headTxid: 3n,
        pages: 130,
        origin: "ferry",
        quotaBytes: Buffer.from(quota?.value ?? []).readBigInt64LE(),
        rows: Object.fromEntries(counted),
      },
      next: "the engine reads this database, whatever v1 holds",
    });
  });

  it("tells a database that was written since, and one of the engine's, from Ferry's", async () => {
    await attempt(store, prepared.world, prepared.actor);
    const { branch } = readDepot(await dumpRows(store), prepared.actor, NAMESPACE);
    const head = bytes("0100", "0400000000000000", "82000000", new Uint8Array(8), 16, branch);
    await putRows(store, [{ key: bytesOf(2, 0x30, "/", branch, "/META/head"), value: head }]);
    expect((await inspect()).database).to.include({ origin: "ferry_written_since", headTxid: 4n });
    const bucketBranch = bucketBranchOf(store.dump(), NAMESPACE) ?? bytes();
    await putRows(store, engineDatabase(prepared.actor, bucketBranch, new Map([[1, IMAGE.slice(0, PAGE)]])));
    expect((await inspect()).database).to.include({ origin: "other", headTxid: 1n });

    const pages = new Map([[1, IMAGE.slice(0, PAGE)]]);
    store = new MemoryStore();
    prepared = await freshWorld(store, [
      ...bucketRows(BUCKET_BRANCH),
      ...engineDatabase(testActor(1), BUCKET_BRANCH, pages),
    ]);
    expect((await inspect()).database).to.include({ origin: "other", pages: 1 });
  });

  it("shows what an attempt that died has staged, which nothing points to", async () => {
    // One commit later each time, until the first rows of the branch are there.
    for (let at = 1; branchesWithRows(store.dump()).length === 0; at += 1) {
      store = new MemoryStore();
      prepared = await freshWorld(store);
      await prepared.putV1(IMAGE);
      await attempt(new FaultyStore(store, at, "cut_before"), prepared.world, prepared.actor, {
        migration: { smallImageBytes: -1 },
      }).catch((error: unknown) => {
        expect(error).to.be.instanceOf(CrashError);
      });
    }
    const { stage, database } = await inspect();
    expect(database).to.equal(undefined);
    expect(branchesWithRows(store.dump())).to.deep.equal([stage?.branch]);
    expect(stage?.rows).to.include({ pidx: 130, delta: await rowsOf(stage?.branch ?? "", "/DELTA/") });
  });

  const texts: [string, RegExp, () => { set?: Row[]; clear?: Uint8Array[]; options?: Partial<DepotOptions> }][] = [
    [
      "one that the engine took over",
      /^the engine's own up to 320 pages; Ferry/,
      () => ({ set: takeOverRows(prepared.actor) }),
    ],
    [
      "one that a newer engine has marked for its own import",
      /^deferred engine_took_over: .*a row about it that Ferry does not know/,
      () => ({ set: [...takeOverRows(prepared.actor), importMarkerRow(prepared.actor, 330)] }),
    ],
    [
      "one of an unknown version",
      /^the engine's own: its VERSION is one/,
      () => ({ set: [lifeFieldRow(prepared.actor, "VERSION", Uint8Array.of(0, 0, 0, 9))] }),
    ],
    [
      "one that was destroyed",
      /^skipped destroyed$/,
      () => ({ set: [lifeFieldRow(prepared.actor, "DESTROY_TS", new Uint8Array(8))] }),
    ],
    [
      "one whose runners are not drained",
      /^deferred pool_on_v1: Nobody/,
      () => ({ options: { runnersDrained: false } }),
    ],
    [
      "one whose pool no worker has asked about",
      /^deferred pool_on_v1: No worker has seen/,
      () => ({ set: [{ key: POOL_KEY, value: Uint8Array.of(0, 3) }] }),
    ],
    [
      "one of a frozen namespace",
      /^rejected bucket_not_live: .*it is frozen/,
      () => ({ set: bucketRows(BUCKET_BRANCH, { state: 1 }) }),
    ],
    [
      "one with a namespace that is none",
      /^rejected namespace_unknown: .*not an id/,
      () => ({ set: [lifeFieldRow(prepared.actor, "NAMESPACE_ID", bytes("01"))] }),
    ],
  ];
  for (const [title, text, change] of texts) {
    it(`says whose turn it is with ${title}`, async () => {
      const { set = [], clear = [], options } = change();
      await putRows(store, set);
      await clearKeys(store, clear);
      expect((await inspect(options)).next).to.match(text);
    });
  }

  const databases: [string, RegExp, () => Row[]][] = [
    [
      "a tombstone",
      /tombstone/,
      () => [
        {
          key: bytesOf(2, 0x21, "/list/", BUCKET_BRANCH, "/database_tombstones/", idText(prepared.actor.idBytes)),
          value: bytes(),
        },
      ],
    ],
    [
      "a pointer that leads nowhere",
      /without a record or a head/,
      () => [pointerRow(prepared.actor, BUCKET_BRANCH, ENGINE_BRANCH)],
    ],
    [
      "an import of the engine's that has not ended",
      /page 1, which comes last, is not there/,
      () => engineDatabase(prepared.actor, BUCKET_BRANCH, new Map([[2, new Uint8Array(4096)]])),
    ],
    [
      "a head from before there were branches",
      /before there were branches/,
      () => [
        {
          key: bytesOf(2, idText(prepared.actor.idBytes), "/META/head"),
          value: bytes("0100", "0100000000000000", "01000000", "0000000000000000", 16, ENGINE_BRANCH),
        },
      ],
    ],
  ];
  for (const [title, text, rows] of databases) {
    it(`says what is wrong with ${title}`, async () => {
      await putRows(store, [...bucketRows(BUCKET_BRANCH), ...rows()]);
      expect((await inspect()).database).to.match(text);
    });
  }

  it("looks under the option's namespace where the actor has none, and shows a pool of v1's protocol as such", async () => {
    const keys = [lifeFieldKey(prepared.actor, "NAMESPACE_ID"), POOL_KEY];
    await clearKeys(store, keys);
    expect(await look({})).to.equal(undefined);
    await putRows(store, [...sleepingActor(prepared.actor), POOL_ROW]);
    await attempt(store, prepared.world, prepared.actor);
    await clearKeys(store, keys);
    // Where Ferry put the database it remembers.
    expect(await look({}))
      .to.deep.include({ bucket: "unknown" })
      .and.to.have.nested.property("database.origin", "ferry");
    const found = await inspect({ namespace: NAMESPACE_ID });
    expect(found.pool).to.deep.equal({ name: "default-pool" });
    expect(found.database).to.include({ origin: "ferry" });
    expect((await store.transact(async (tx) => ledger.read(tx, prepared.actor.id)))?.state).to.equal("migrated");
  });
});
