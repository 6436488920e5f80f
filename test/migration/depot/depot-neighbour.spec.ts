import { expect } from "chai";
import type { Neighbour } from "../../../src/migration/targets/depot/depot-options.ts";
import type { Store, Transaction } from "../../../src/store/store.ts";
import { attempt, type World } from "../../support/depot-attempt.ts";
import { pointerOf, readDepot } from "../../support/depot-reference.ts";
import {
  BUCKET,
  bucketRows,
  bytes,
  dumpRows,
  ENGINE_BRANCH,
  engineDatabase,
  lifeFieldRow,
  NAMESPACE,
  pointerRow,
  putRows,
  sleepingActor,
  workflowId,
} from "../../support/depot-world.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { syntheticImage, testActor, v1Rows, type TestActor } from "../../support/v1-actors.ts";
import { freshWorld } from "./prepared.ts";

const IMAGE = syntheticImage(3, "text");
const NEXT = testActor(2);
const FROZEN = 1;
/** A branch that the bucket comes to be on. */
const MOVED = bytes("99999999999949998999999999999999");
const ELSEWHERE = Uint8Array.from(NAMESPACE).fill(7, 1, 17);

/** A key of the namespace's bucket, or another, as it is in the other namespace. */
function moved(key: Uint8Array): Uint8Array {
  const at = Buffer.from(key).indexOf(BUCKET);
  return at < 0 ? key : bytes(key.slice(0, at), ELSEWHERE.slice(1, 17), key.slice(at + BUCKET.length));
}

describe("an actor that is brought to Depot after another", () => {
  let store: MemoryStore;
  let world: World;
  let neighbour: Neighbour;

  beforeEach(async () => {
    store = new MemoryStore();
    const prepared = await freshWorld(store);
    world = prepared.world;
    neighbour = {};
    await prepared.putV1(IMAGE);
    expect(await attempt(store, world, prepared.actor, { depot: { neighbour } })).to.include({ state: "migrated" });
    await putRows(store, [...sleepingActor(NEXT), ...v1Rows(NEXT, IMAGE)]);
  });

  async function migrateNext(on: Store = store): Promise<{ state: string; reason?: string | undefined }> {
    return attempt(on, world, NEXT, { depot: { neighbour } });
  }

  async function databaseOf(actor: TestActor): Promise<Uint8Array> {
    return readDepot(await dumpRows(store), actor, NAMESPACE).image;
  }

  it("is read about at once, where one without a neighbour takes five readings one after the other", async () => {
    const withNeighbour = new CountedReadings(store);
    expect(await migrateNext(withNeighbour)).to.include({ state: "migrated" });
    expect(withNeighbour.readings).to.equal(1);
    expect(await databaseOf(NEXT)).to.deep.equal(IMAGE);

    const other = testActor(3);
    await putRows(store, [...sleepingActor(other), ...v1Rows(other, IMAGE)]);
    const alone = new CountedReadings(store);
    expect(await attempt(alone, world, other)).to.include({ state: "migrated" });
    expect(alone.readings).to.equal(5);
  });

  it("belongs to the bucket that its namespace has now", async () => {
    await putRows(store, bucketRows(MOVED));
    expect(await migrateNext()).to.include({ state: "migrated" });
    const { key } = pointerRow(NEXT, MOVED, ENGINE_BRANCH);
    expect((await dumpRows(store)).some((row) => Buffer.compare(row.key, key) === 0)).to.equal(true);
  });

  it("is refused where that takes no new database", async () => {
    await putRows(store, bucketRows(MOVED, { state: FROZEN }));
    expect(await migrateNext()).to.include({ state: "rejected", reason: "bucket_not_live" });
  });

  it("is left alone where it has a database there", async () => {
    await putRows(store, [
      ...bucketRows(MOVED),
      ...engineDatabase(NEXT, MOVED, new Map([[1, IMAGE.subarray(0, 4096)]])),
    ]);
    expect(await migrateNext()).to.include({ state: "skipped", reason: "already_migrated" });
  });

  it("is refused where the bucket takes no new database any more", async () => {
    const { place } = neighbour;
    await putRows(store, bucketRows(place?.bucketBranch ?? new Uint8Array(16), { state: FROZEN }));
    expect(await migrateNext()).to.include({ state: "rejected", reason: "bucket_not_live" });
  });

  it("has the namespace of its own row, and the pool of that name there", async () => {
    await putRows(store, [lifeFieldRow(NEXT, "NAMESPACE_ID", ELSEWHERE)]);
    expect(await migrateNext()).to.include({ state: "deferred", reason: "pool_on_v1" });
    expect(pointerOf(await dumpRows(store), NEXT)).to.equal(undefined);
  });

  it("has the bucket of that namespace", async () => {
    const rows = bucketRows(MOVED, { state: FROZEN }).map((row) => ({ ...row, key: moved(row.key) }));
    await putRows(store, [lifeFieldRow(NEXT, "NAMESPACE_ID", ELSEWHERE), ...rows]);
    expect(await migrateNext()).to.include({ state: "rejected", reason: "bucket_not_live" });
  });

  it("has the pool of its own row", async () => {
    await putRows(store, [lifeFieldRow(NEXT, "RUNNER_NAME_SELECTOR", Buffer.from("other-pool"))]);
    expect(await migrateNext()).to.include({ state: "deferred", reason: "pool_on_v1" });
  });

  it("has a database of its own under the neighbour's bucket", async () => {
    await putRows(store, [
      pointerRow(NEXT, neighbour.place?.bucketBranch ?? new Uint8Array(16), workflowId(3).slice(1, 17)),
    ]);
    expect(await migrateNext()).to.include({ state: "rejected", reason: "v2_meta_undecodable" });
  });
});

/** A store of which all answers take one while, so that readings made together are told from those that follow one another. */
class CountedReadings implements Store {
  readonly engine = "lmdb";
  readonly url = "memory:";
  readings = 0;
  readonly #inner: Store;
  #answer: Promise<void> | undefined;

  constructor(inner: Store) {
    this.#inner = inner;
  }

  async transact<T>(body: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#inner.transact(async (tx) => body(this.#counted(tx)));
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  #counted(tx: Transaction): Transaction {
    const asked = async (): Promise<void> => this.#asked();
    return new Proxy(tx, {
      get(target, name) {
        switch (name) {
          case "get":
            return async (...of: Parameters<Transaction["get"]>) => {
              await asked();
              return target.get(...of);
            };
          case "getRange":
            return async function* (...of: Parameters<Transaction["getRange"]>) {
              await asked();
              yield* target.getRange(...of);
            };
          default: {
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === "function" ? (value.bind(target) as unknown) : value;
          }
        }
      },
    });
  }

  async #asked(): Promise<void> {
    this.#answer ??= this.#begin();
    await this.#answer;
  }

  async #begin(): Promise<void> {
    this.readings += 1;
    await new Promise((resolve) => setImmediate(resolve));
    this.#answer = undefined;
  }
}
