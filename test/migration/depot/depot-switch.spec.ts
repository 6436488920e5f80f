import { expect } from "chai";
import { DEFAULT_MIGRATION_OPTIONS } from "../../../src/migration/context.ts";
import { migrateActor } from "../../../src/migration/migrate-actor.ts";
import { storageTarget } from "../../../src/migration/targets/storage/storage-target.ts";
import { attempt, depotContext, type AttemptOptions } from "../../support/depot-attempt.ts";
import { branchesWithRows, pointerOf } from "../../support/depot-reference.ts";
import {
  bucketRows,
  BUCKET_BRANCH,
  bytes,
  clearKeys,
  ENGINE_BRANCH,
  engineDatabase,
  lifeFieldRow,
  NAMESPACE,
  pointerRow,
  POOL,
  POOL_KEY,
  putRows,
  wakeRows,
  workflowId,
} from "../../support/depot-world.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { livingStore } from "../../support/migrated-scene.ts";
import { leaseRows, logicalKey, physicalRows } from "../../support/reference.ts";
import {
  bytesOf,
  fileRows,
  idText,
  syntheticImage,
  TAG,
  v1Rows,
  type Row,
  type TestActor,
} from "../../support/v1-actors.ts";
import { journalOf } from "../recovery/built-journal.ts";
import { LEASE_MS } from "./fault-scenes.ts";
import { assertReadable, freshWorld, type Prepared } from "./prepared.ts";

const PAGES = 400;
const IMAGE = syntheticImage(PAGES, "zeros");
const PAGE_1 = new Map([[1, IMAGE.subarray(0, 4096)]]);

const ENGINE = Buffer.from(ENGINE_BRANCH).toString("hex");
const OTHER_NAMESPACE = workflowId(7);

/** A pool whose runners are not v1's. */
function poolRow(namespace: Uint8Array, name: string): Row {
  return { key: bytes("141527152e155a150440", namespace, 2, Buffer.from(name), "00156a"), value: bytes("0002") };
}

interface Change {
  readonly set?: readonly Row[];
  readonly clear?: readonly Uint8Array[];
}

/** What somebody does to an actor, or around it, while a staged attempt ends, and what comes of that. */
const CHANGES: readonly (readonly [title: string, ending: string, (actor: TestActor) => Change])[] = [
  ["the actor wakes", "deferred actor_awake", wakeRows],
  [
    "the actor is destroyed",
    "skipped destroyed",
    (actor) => ({ set: [lifeFieldRow(actor, "DESTROY_TS", bytes("00"))] }),
  ],
  [
    "another workflow has the actor",
    "deferred actor_awake",
    (actor) => ({ set: [lifeFieldRow(actor, "WORKFLOW_ID", workflowId(5))] }),
  ],
  [
    "the actor is one of actor2's",
    "deferred actor_awake",
    (actor) => ({ set: [lifeFieldRow(actor, "VERSION", bytes("00000002"))] }),
  ],
  [
    "the actor is of a namespace that has no bucket",
    "deferred actor_awake",
    (actor) => ({ set: [lifeFieldRow(actor, "NAMESPACE_ID", OTHER_NAMESPACE), poolRow(OTHER_NAMESPACE, POOL)] }),
  ],
  [
    "the actor is of another pool",
    "deferred actor_awake",
    (actor) => ({ set: [lifeFieldRow(actor, "POOL_NAME", Buffer.from("other")), poolRow(NAMESPACE, "other")] }),
  ],
  ["the namespace has another bucket", "deferred actor_awake", () => ({ set: bucketRows(ENGINE_BRANCH) })],
  ["the bucket is frozen", "rejected bucket_not_live", () => ({ set: bucketRows(BUCKET_BRANCH, { state: 1 }) })],
  ["the pool is back on v1's protocol", "deferred pool_on_v1", () => ({ clear: [POOL_KEY] })],
  [
    "the engine makes a database",
    "skipped already_migrated",
    (actor) => ({ set: engineDatabase(actor, BUCKET_BRANCH, PAGE_1) }),
  ],
  [
    "there is a pointer that leads nowhere",
    "rejected v2_meta_undecodable",
    (actor) => ({ set: [pointerRow(actor, BUCKET_BRANCH, ENGINE_BRANCH)] }),
  ],
  [
    "the database's name gets a tombstone",
    "rejected bucket_not_live",
    (actor) => {
      const key = bytesOf(2, 0x21, "/list/", BUCKET_BRANCH, "/database_tombstones/", idText(actor.idBytes));
      return { set: [{ key, value: bytes() }] };
    },
  ],
  [
    "an older engine leaves a head in v2's older form",
    "rejected v2_meta_undecodable",
    (actor) => ({ set: physicalRows(logicalKey(actor, "/META"), bytes("09")) }),
  ],
];

describe("the switch of a staged image to Depot", () => {
  let prepared: Prepared;
  let store: MemoryStore;

  beforeEach(async () => {
    store = new MemoryStore();
    prepared = await freshWorld(store, bucketRows(BUCKET_BRANCH));
    await prepared.putV1(IMAGE);
  });

  const migrate = async (on: MemoryStore | FaultyStore, options: AttemptOptions = {}): Promise<string> => {
    const staged = {
      depot: { takesPoolsForSettled: true, ...options.depot },
      migration: { smallImageBytes: -1, ...options.migration },
    };
    const { state, reason } = await attempt(on, prepared.world, prepared.actor, staged);
    return `${state} ${reason ?? ""}`.trim();
  };

  for (const [title, ending, change] of CHANGES) {
    it(`does not happen when ${title} at that moment`, async () => {
      const counted = new FaultyStore(new MemoryStore({ from: store }));
      expect(await migrate(counted)).to.equal("migrated");
      expect(counted.commits.at(-1)).to.equal("finalize");
      const { set = [], clear = [] } = change(prepared.actor);
      const met = new FaultyStore(store, counted.commits.length, async () => {
        await putRows(store, set);
        await clearKeys(store, clear);
      });
      expect(await migrate(met)).to.equal(ending);
      const rows = store.dump();
      const ofFerry = [...branchesWithRows(rows), pointerOf(rows, prepared.actor)?.subarray(3, 19).toString("hex")];
      expect(ofFerry.filter((branch) => branch !== undefined && branch !== ENGINE)).to.deep.equal([]);
      expect(leaseRows(rows)).to.deep.equal([]);
    });
  }

  for (const form of ["depot", "storage"]) {
    it(`is not undone by its own lease that a dump of before brings back, when ${form} is asked for`, async () => {
      const counted = new FaultyStore(new MemoryStore({ from: store }));
      await migrate(counted);
      let leases: Row[] = [];
      const met = new FaultyStore(store, counted.commits.length, async () => {
        leases = leaseRows(store.dump());
        await Promise.resolve();
      });
      expect(await migrate(met)).to.equal("migrated");
      await putRows(store, leases);
      const { world, actor, assertExported } = prepared;
      world.nowMs += LEASE_MS;
      const depot = depotContext(store, world);
      const context = form === "depot" ? depot : { ...depot, target: storageTarget };
      const { signal } = new AbortController();
      const before = pointerOf(store.dump(), actor);
      await migrateActor(context, actor.id, DEFAULT_MIGRATION_OPTIONS, signal);
      expect(pointerOf(store.dump(), actor)).to.deep.equal(before);
      expect(leaseRows(store.dump())).to.deep.equal([]);
      assertReadable(store.dump(), actor);
      await assertExported(IMAGE);
    });
  }

  it("does not happen to a stage whose history has lost a row before it is read back, which no page tells", async () => {
    for (const kind of ["/COMMITS/", "/VTX/"]) {
      let lost = 0;
      const living = livingStore(store, (on, { point, label, n }) => {
        if (point === "begin" && label === "read_v2" && n === 1) {
          const rows = on.dump().filter(({ key }) => key[1] === 0x30 && Buffer.from(key).includes(kind));
          const { key } = rows[3] ?? expect.fail("no history");
          on.load([], [{ begin: key, end: bytesOf(key, 0) }]);
          lost += 1;
        }
      });
      expect(await migrate(living)).to.equal("rejected verify_mismatch");
      expect(lost).to.equal(1);
      expect(branchesWithRows(living.dump())).to.deep.equal([]);
    }
  });

  it("does not happen to an image that recovery made larger than the limit", async () => {
    const larger = syntheticImage(PAGES + 1, "zeros");
    const header = { sectorSize: 512, pageSize: 4096 };
    await putRows(store, [
      ...v1Rows(prepared.actor, larger.subarray(0, IMAGE.length)),
      ...fileRows(prepared.actor, TAG.journal, journalOf(PAGES + 1, { records: [], header })),
    ]);
    const migration = { journal: "rollback" } as const;
    expect(await migrate(store, { migration, depot: { maxPages: PAGES } })).to.equal("rejected too_many_pages");
    expect(branchesWithRows(store.dump())).to.deep.equal([]);
    expect(await migrate(store, { migration })).to.equal("migrated");
  });
});
