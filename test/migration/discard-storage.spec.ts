import { expect } from "chai";
import { ledger, readHistory, readOutcome } from "../../src/campaign/ledger/ledger.ts";
import { discardStorage } from "../../src/migration/discard-storage.ts";
import { writeLease } from "../../src/migration/lease.ts";
import type { Outcome } from "../../src/migration/outcome.ts";
import type { KeyRange, Store } from "../../src/store/store.ts";
import { clearKeys, putRows } from "../support/depot-world.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { logicalKey, physicalRows, v2RowsOf } from "../support/reference.ts";
import { lifeRow, syntheticImage, testActor, v1Rows, type Row } from "../support/v1-actors.ts";

const ACTOR = testActor(1);
const OTHER = testActor(2);
const V1 = v1Rows(ACTOR, syntheticImage(2, "text"));
const META = physicalRows(logicalKey(ACTOR, "/META"), Uint8Array.of(1));
/** One row of every kind, one of them in pieces. */
const ROWS = [
  ...META,
  ...physicalRows(logicalKey(ACTOR, "/DELTA/x"), new Uint8Array(100_000)),
  ...physicalRows(logicalKey(ACTOR, "/PIDX/delta/x"), Uint8Array.of(1)),
  ...physicalRows(logicalKey(ACTOR, "/SHARD/x"), Uint8Array.of(1)),
];
const NOW = "2026-01-01T00:00:00.000Z";
const CONTEXT = { ledger, now: () => Date.parse(NOW) };
const HOW = { save: () => Promise.resolve(), detail: "by ann" };
const OTHERS = physicalRows(logicalKey(OTHER, "/META"), Uint8Array.of(1));

describe("the removal of what v2's older form holds of an actor", () => {
  let store: MemoryStore;

  beforeEach(async () => {
    store = new MemoryStore();
    await putRows(store, [...V1, ...ROWS, ...OTHERS]);
    await record({ state: "rejected", reason: "storage_v2_written" });
  });

  async function record(outcome: Pick<Outcome, "state"> & { reason: string }): Promise<void> {
    await store.transact(async (tx) => {
      const previous = await ledger.read(tx, ACTOR.id);
      ledger.write(tx, { actorId: ACTOR.id, ...outcome, attempts: 1, finishedAt: "" }, previous);
    });
  }

  async function discard(on: Store = store, meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<Row[]> {
    const saved: Row[] = [];
    const save = async (ranges: readonly KeyRange[]): Promise<void> => {
      saved.push(
        ...store
          .dump()
          .filter(({ key }) =>
            ranges.some(({ begin, end }) => Buffer.compare(begin, key) <= 0 && Buffer.compare(key, end) < 0),
          ),
      );
      await meanwhile();
    };
    expect(await discardStorage({ store: on, ...CONTEXT }, ACTOR.id, { ...HOW, save })).to.equal(undefined);
    return saved;
  }

  async function refusal(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<string | undefined> {
    const reason = await discardStorage({ store, ...CONTEXT }, ACTOR.id, { ...HOW, save: meanwhile });
    expect(v2RowsOf(ACTOR, store.dump()).length).to.equal(ROWS.length);
    return reason;
  }

  it("has all of its rows saved before, and leaves v1 and other actors", async () => {
    expect((await discard()).length).to.equal(ROWS.length);
    expect(v2RowsOf(ACTOR, store.dump())).to.deep.equal([]);
    expect(v2RowsOf(OTHER, store.dump()).length).to.equal(OTHERS.length);
    expect(store.dump().filter(({ key }) => V1.some((row) => Buffer.compare(row.key, key) === 0)).length).to.equal(
      V1.length,
    );
  });

  it("says who did it in the outcome, which asks for a migration as before", async () => {
    const before = await readOutcome(store, ACTOR.id);
    await discard();
    expect(await readOutcome(store, ACTOR.id)).to.deep.equal({ ...before, detail: "by ann", finishedAt: NOW });
    expect(await readHistory(store, ACTOR.id)).to.deep.equal([before]);
  });

  it("is known to have happened where the store could not say so", async () => {
    for (const fault of ["unknown_happened", "unknown_lost"] as const) {
      await putRows(store, ROWS);
      await discard(new FaultyStore(store, 1, fault));
      expect(v2RowsOf(ACTOR, store.dump())).to.deep.equal([]);
    }
  });

  it("is known to have happened also where the actor was migrated since", async () => {
    let begun = 0;
    const from = store;
    store = new MemoryStore({
      from,
      gate: async (point, label) => {
        begun += point === "begin" && label === "discard" ? 1 : 0;
        // Once to look, once to discard, and now to find out.
        if (begun === 3) {
          begun += 1;
          await record({ state: "migrated", reason: "" });
        }
      },
    });
    await discard(new FaultyStore(store, 1, "unknown_happened"));
    expect(v2RowsOf(ACTOR, store.dump())).to.deep.equal([]);
  });

  it("is not said to have happened where the rows went otherwise, and the actor was migrated since", async () => {
    const save = async (): Promise<void> => {
      await discardStorage({ store, ...CONTEXT }, ACTOR.id, { ...HOW, detail: "by ben" });
      await record({ state: "migrated", reason: "" });
    };
    expect(await discardStorage({ store, ...CONTEXT }, ACTOR.id, { ...HOW, save })).to.equal("no_rows");
  });

  it("is said to have been another's where that one came first", async () => {
    const ben = { save: HOW.save, detail: "by ben" };
    const faulty = new FaultyStore(store, 1, async () => {
      expect(await discardStorage({ store, ...CONTEXT }, ACTOR.id, HOW)).to.equal(undefined);
    });
    expect(await discardStorage({ store: faulty, ...CONTEXT }, ACTOR.id, ben)).to.equal("no_rows");
    expect(await readOutcome(store, ACTOR.id)).to.include({ detail: "by ann" });
  });

  it("is refused where the rows were written since they were saved, before it and between it and its commit", async () => {
    const write = (value: number) => async (): Promise<void> =>
      putRows(store, physicalRows(logicalKey(ACTOR, "/META"), Uint8Array.of(value)));
    expect(await refusal(write(2))).to.equal("written_meanwhile");
    const faulty = new FaultyStore(store, 1, write(3));
    expect(await discardStorage({ store: faulty, ...CONTEXT }, ACTOR.id, HOW)).to.equal("written_meanwhile");
    expect(v2RowsOf(ACTOR, store.dump()).length).to.equal(ROWS.length);
  });

  it("is refused for an actor that nothing asks it for, that is awake, or that is being migrated", async () => {
    await record({ state: "rejected", reason: "v2_meta_undecodable" });
    expect(await refusal()).to.equal("not_rejected");
    await record({ state: "rejected", reason: "storage_v2_written" });
    const awake = lifeRow(ACTOR, "CONNECTABLE");
    expect(await refusal(async () => putRows(store, [awake]))).to.equal("actor_awake");
    await clearKeys(store, [awake.key]);
    const lease = { token: new Uint8Array(16), image: "", sleepTs: undefined, head: new Uint8Array(0) };
    await store.transact((tx) => {
      writeLease(tx, ACTOR.id, lease, 0);
      return Promise.resolve();
    });
    expect(await refusal()).to.equal("migration_in_progress");
  });

  it("is refused where there is nothing to remove, and where v1 has nothing", async () => {
    await clearKeys(
      store,
      V1.map(({ key }) => key),
    );
    expect(await refusal()).to.equal("no_v1_data");
    await clearKeys(
      store,
      META.map(({ key }) => key),
    );
    expect(await discardStorage({ store, ...CONTEXT }, ACTOR.id, HOW)).to.equal("no_rows");
  });
});
