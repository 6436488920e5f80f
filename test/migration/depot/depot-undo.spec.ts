import { expect } from "chai";
import { FormatError } from "../../../src/formats/format-error.ts";
import { rollbackActor, type RollbackResult } from "../../../src/migration/rollback-actor.ts";
import { storeRows } from "../../../src/migration/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { attempt, depotContext } from "../../support/depot-attempt.ts";
import { branchesWithRows, bucketBranchOf, pointerOf, readDepot } from "../../support/depot-reference.ts";
import {
  bytes,
  clearKeys,
  dumpRows,
  ENGINE_BRANCH,
  lifeFieldRow,
  NAMESPACE,
  pointerRow,
  putRows,
  takeOverRows,
  wakeRows,
} from "../../support/depot-world.ts";
import { CrashError, FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { sha256 } from "../../support/reference.ts";
import { bytesOf, syntheticImage, v1Rows, type Row } from "../../support/v1-actors.ts";
import { forEachEngine } from "../../support/stores.ts";
import { assertReadable, freshWorld, type Prepared } from "./prepared.ts";

const IMAGE = syntheticImage(70, "random", 3);

async function undo(prepared: Prepared, store: Store = prepared.store): Promise<RollbackResult> {
  return rollbackActor(
    depotContext(store, prepared.world),
    prepared.actor.id,
    { dryRun: false },
    new AbortController().signal,
  );
}

describe("undoing a switch to Depot", () => {
  let prepared: Prepared;
  let store: MemoryStore;

  beforeEach(async () => {
    store = new MemoryStore();
    prepared = await freshWorld(store);
    await prepared.putV1(IMAGE);
    await attempt(store, prepared.world, prepared.actor);
  });

  const branch = (): Buffer => readDepot(store.dump(), prepared.actor, NAMESPACE).branch;

  it("leaves nothing of the database but the raised epoch, and v1 as it was", async () => {
    store.load([{ key: bytesOf(2, 0x75, "/", branch()), value: bytes("0100", new Uint8Array(16)) }]);
    const before = store.dump();
    const bucketBranch = bucketBranchOf(before, NAMESPACE) ?? bytes();
    expect((await undo(prepared)).kind).to.equal("rolled_back");
    const after = store.dump();
    expect(pointerOf(after, prepared.actor)).to.equal(undefined);
    expect(branchesWithRows(after)).to.deep.equal([]);
    const left = after.filter(
      ({ key }) => key[0] === 2 && [0x10, 0x12, 0x20, 0x30, 0x70, 0x73, 0x75].includes(key[1] ?? 0),
    );
    expect(left).to.deep.equal([]);
    const epoch = after.find(({ key }) => Buffer.compare(key, bytesOf(2, 0x74, "/", bucketBranch)) === 0);
    expect(Buffer.from(epoch?.value ?? []).readBigInt64LE()).to.equal(2n);
    expect(after).to.deep.include.members(v1Rows(prepared.actor, IMAGE));
  });

  it("leaves no image to a reader that knew of it, and not an empty one", async () => {
    const { target } = depotContext(store, prepared.world);
    const rows = storeRows(store, new AbortController().signal);
    const pages = (await target.readPageCount(rows, prepared.actor.id)) ?? 0;
    await undo(prepared);
    const blocks = target.readBlocks(rows, prepared.actor.id, pages);
    const error: unknown = await blocks.next().catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(FormatError).and.to.include({ code: "page_missing" });
  });

  it("lets the actor be migrated again, under another branch", async () => {
    const first = readDepot(store.dump(), prepared.actor, NAMESPACE).branch;
    await undo(prepared);
    const again = await attempt(store, prepared.world, prepared.actor, { migration: { rolledBack: "migrate" } });
    expect(again)
      .to.include({ state: "migrated", sha256: sha256(IMAGE) })
      .and.not.to.have.property("detail");
    expect(assertReadable(store.dump(), prepared.actor).branch.equals(first)).to.equal(false);
  });

  it("changes nothing a second time", async () => {
    await undo(prepared);
    const before = store.dump();
    expect((await undo(prepared)).kind).to.equal("rolled_back");
    expect(store.dump()).to.deep.equal(before);
  });

  it("writes nothing when it is only tried", async () => {
    const before = store.dump();
    const context = depotContext(store, prepared.world);
    expect(
      (await rollbackActor(context, prepared.actor.id, { dryRun: true }, new AbortController().signal)).kind,
    ).to.equal("rolled_back");
    expect(store.dump()).to.deep.equal(before);
  });

  it("survives a commit whose result is unknown", async () => {
    const result = await undo(prepared, new FaultyStore(store, 1, "unknown_happened"));
    expect(result.kind).to.equal("rolled_back");
    expect(branchesWithRows(store.dump())).to.deep.equal([]);
  });

  it("does all or nothing when it is cut", async () => {
    const before = store.dump();
    await undo(prepared, new FaultyStore(store, 1, "cut_before")).catch((error: unknown) => {
      expect(error).to.be.instanceOf(CrashError);
    });
    expect(store.dump()).to.deep.equal(before);
  });

  const bucketBranch = (): Uint8Array => bucketBranchOf(store.dump(), NAMESPACE) ?? bytes();
  /** When the database came to its bucket. */
  const catalogStamp = (): Uint8Array => {
    const key = bytesOf(2, 0x12, "/", bucketBranch(), "/", branch());
    return store.dump().find((row) => Buffer.compare(row.key, key) === 0)?.value ?? expect.fail("no catalog row");
  };
  /** That another bucket was forked off the actor's at a moment. */
  const bucketForkRow = (stamp: Uint8Array): Row => ({
    key: bytesOf(2, 0x72, "/", bucketBranch(), "/", stamp, "/", ENGINE_BRANCH),
    value: bytes("0100", 16, bucketBranch(), 16, ENGINE_BRANCH, stamp, stamp),
  });
  const cases: [string, string, () => { set?: Row[]; clear?: Uint8Array[] }][] = [
    ["an actor that runs", "actor_awake", () => wakeRows(prepared.actor)],
    ["an actor that actor2 has", "engine_took_over", () => ({ set: takeOverRows(prepared.actor) })],
    [
      "a destroyed actor",
      "destroyed",
      () => ({ set: [lifeFieldRow(prepared.actor, "DESTROY_TS", new Uint8Array(8))] }),
    ],
    [
      "a database that was written since",
      "written_since",
      () => {
        const key = bytesOf(2, 0x30, "/", branch(), "/META/head");
        return {
          set: [{ key, value: bytes("0100", "0300000000000000", "46000000", new Uint8Array(8), 16, branch()) }],
        };
      },
    ],
    [
      "a pointer that was moved",
      "written_since",
      () => ({ set: [pointerRow(prepared.actor, bucketBranch(), ENGINE_BRANCH)] }),
    ],
    [
      "a pointer that cannot be read",
      "v2_unreadable",
      () => ({ set: [{ ...pointerRow(prepared.actor, bucketBranch(), ENGINE_BRANCH), value: bytes("09") }] }),
    ],
    [
      "a database that was forked",
      "in_use",
      () => ({ set: [{ key: bytesOf(2, 0x20, "/list/", branch(), "/refcount"), value: bytes("0200000000000000") }] }),
    ],
    [
      "a database of which nobody can tell whether it was forked",
      "in_use",
      () => ({ set: [{ key: bytesOf(2, 0x20, "/list/", branch(), "/refcount"), value: bytes("01") }] }),
    ],
    [
      "an actor that waits to be placed",
      "actor_awake",
      () => ({ clear: [lifeFieldRow(prepared.actor, "SLEEP_TS", bytes()).key] }),
    ],
    [
      "a database with a restore point",
      "in_use",
      () => ({ set: [{ key: bytesOf(2, 0x20, "/list/", branch(), "/restore_point_pin"), value: new Uint8Array(16) }] }),
    ],
    [
      "a pinned database",
      "in_use",
      () => ({ set: [{ key: bytesOf(2, 0x70, "/", branch(), "/pin"), value: bytes("00") }] }),
    ],
    ["a database that a fork of its bucket has inherited", "in_use", () => ({ set: [bucketForkRow(catalogStamp())] })],
    [
      "a database that a later fork of its bucket has inherited",
      "in_use",
      () => ({ set: [bucketForkRow(new Uint8Array(16).fill(0xff))] }),
    ],
    [
      "an actor whose v1 rows are gone",
      "no_v1_data",
      () => ({ clear: v1Rows(prepared.actor, IMAGE).map(({ key }) => key) }),
    ],
  ];
  for (const [title, reason, change] of cases) {
    it(`is refused for ${title}`, async () => {
      const { set = [], clear = [] } = change();
      await putRows(store, set);
      await clearKeys(store, clear);
      const before = store.dump();
      expect(await undo(prepared)).to.deep.equal({ kind: "refused", reason });
      expect(store.dump()).to.deep.equal(before);
    });
  }

  it("does not mind forks of the bucket from before, nor those of another", async () => {
    const before = Buffer.from(catalogStamp());
    before.writeBigUInt64BE(before.readBigUInt64BE() - 1n);
    const { value } = bucketForkRow(before);
    const others = bytesOf(2, 0x72, "/", new Uint8Array(16).fill(0xfe), "/", catalogStamp(), "/", ENGINE_BRANCH);
    await putRows(store, [bucketForkRow(before), { key: others, value }]);
    expect((await undo(prepared)).kind).to.equal("rolled_back");
  });

  it("is refused for an image of another size than the ledger says", async () => {
    const context = depotContext(store, prepared.world);
    const ledger: typeof context.ledger = {
      ...context.ledger,
      read: async (tx, id) => {
        const outcome = await context.ledger.read(tx, id);
        return outcome && { ...outcome, pages: 71 };
      },
    };
    const { signal } = new AbortController();
    expect(await rollbackActor({ ...context, ledger }, prepared.actor.id, { dryRun: false }, signal)).to.deep.equal({
      kind: "refused",
      reason: "written_since",
    });
  });

  it("loses to an actor that wakes between its look and its commit", async () => {
    let once = true;
    const faulty = new FaultyStore(store, 1, async () => {
      if (once) {
        once = false;
        const { set, clear } = wakeRows(prepared.actor);
        await putRows(store, set);
        await clearKeys(store, clear);
      }
    });
    expect(await undo(prepared, faulty)).to.deep.equal({ kind: "refused", reason: "actor_awake" });
    assertReadable(store.dump(), prepared.actor);
  });

  forEachEngine((makeStore) => {
    it("works on a real store", async () => {
      const real = await freshWorld(await makeStore());
      await real.putV1(IMAGE);
      await attempt(real.store, real.world, real.actor, { migration: { smallImageBytes: -1 } });
      expect((await undo(real)).kind).to.equal("rolled_back");
      expect(branchesWithRows(await dumpRows(real.store))).to.deep.equal([]);
    });
  });
});
