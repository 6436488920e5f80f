import { expect } from "chai";
import { cleanupActor, type CleanupResult } from "../../src/migration/cleanup-actor.ts";
import { IntegrityChecker } from "../../src/migration/integrity/integrity-checker.ts";
import { isAsSeen, readMigratedActor, type MigratedActor } from "../../src/migration/migrated-actor.ts";
import { v1Range } from "../../src/migration/v1/v1-keys.ts";
import { isBad, verifyActor, type Verification } from "../../src/migration/verify-actor.ts";
import type { Store } from "../../src/store/store.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { livingStore, makeScene, type MigratedScene } from "../support/migrated-scene.ts";
import {
  encodeReferenceHead,
  encodeReferenceLtx,
  logicalKey,
  physicalRows,
  readV2,
  u32,
} from "../support/reference.ts";
import {
  entryRows,
  fileChunkK,
  fileMetadataK,
  fileMetadataValue,
  fileRows,
  lifeRow,
  PAGE,
  TAG,
} from "../support/v1-actors.ts";
import { sqliteImageOfPages } from "../support/v1-actors-sqlite.ts";

/** One shard. */
const PAGES = 40;
const signal = new AbortController().signal;

describe("a v2 that nothing wrote and that is not what was migrated", () => {
  const checker = new IntegrityChecker();
  const image = sqliteImageOfPages(PAGES);
  let scene: MigratedScene;

  const verify = (store: Store = scene.store): Promise<Verification> =>
    verifyActor(scene.context(store, checker.check.bind(checker)), scene.actor.id, "full", signal);
  const cleanUp = (store: Store = scene.store): Promise<CleanupResult> => {
    const options = { holdMs: 0, delete: true, who: "test" };
    return cleanupActor(scene.context(store, checker.check.bind(checker)), scene.actor.id, options, signal);
  };
  const look = (): Promise<MigratedActor> =>
    scene.store.transact((tx) => readMigratedActor(scene.context(scene.store, noCheck), tx, scene.actor.id));

  beforeEach(async () => {
    scene = await makeScene("storage", image);
    expect((await scene.migrate(scene.store)).state).to.equal("migrated");
  });

  after(async () => {
    await checker.close();
  });

  /** Changes what a row holds, which no check of SQLite's looks at. */
  function changeContent(): void {
    const pages = new Map<number, Uint8Array>();
    for (let pgno = 1; pgno <= PAGES; pgno += 1) {
      pages.set(pgno, Uint8Array.from(image.subarray((pgno - 1) * PAGE, pgno * PAGE)));
    }
    const page = pages.get(20);
    page?.set([(page[4000] ?? 0) ^ 0xff], 4000);
    const blob = encodeReferenceLtx({ commit: PAGES, txid: 1n, timestampMs: 1n }, pages);
    scene.store.load(physicalRows(logicalKey(scene.actor, "/SHARD/", u32(0)), blob));
  }

  it("keeps v1, which is the only good copy, though SQLite finds nothing wrong", async () => {
    changeContent();
    expect(await verify()).to.include({ comparison: "different", integrity: "ok" });
    expect(await cleanUp()).to.include({ kind: "refused", reason: "v2_not_clean" });
  });

  it("is found when v1 is gone as well", async () => {
    expect(await cleanUp()).to.include({ kind: "removed" });
    expect(await verify()).to.include({ comparison: "no_v1_data", integrity: "ok" });
    changeContent();
    expect(await verify()).to.include({ comparison: "different", integrity: "ok" });
  });

  it("is found where the actor wakes and sleeps at every look, as its head says that nothing wrote v2", async () => {
    const [row] = physicalRows(logicalKey(scene.actor, "/SHARD/", u32(0)), new Uint8Array(1));
    const key = row?.key ?? new Uint8Array(0);
    scene.store.load([], [{ begin: key, end: Uint8Array.of(...key, 0xff) }]);
    let sleeps = 0n;
    const restless = livingStore(scene.store, (store) => {
      sleeps += 1n;
      store.load([lifeRow(scene.actor, "SLEEP_TS", sleeps)]);
    });
    const found = await verify(restless);
    expect(found).to.include({ comparison: "v2_unreadable" });
    expect(isBad(found)).to.equal(true);
  });

  for (const [what, head] of [
    ["counts no pages, as SQLite leaves no database that had any", { headTxid: 2n, nextTxid: 3n, pages: 0 }],
    ["counts no pages, and that by no commit", { pages: 0 }],
    ["counts other pages, and that by no commit", { pages: PAGES - 1 }],
  ] as const) {
    it(`is found where its head ${what}`, async () => {
      const before = readV2(scene.actor, scene.store.dump()).head;
      scene.store.load(physicalRows(logicalKey(scene.actor, "/META"), encodeReferenceHead({ ...before, ...head })));
      expect(await verify()).to.include({ comparison: "different" });
      expect(await cleanUp()).to.include({ kind: "refused", reason: "v2_not_clean" });
    });
  }

  it("is not looked for in terabytes that v1's metadata may claim", async () => {
    for (const size of [2n ** 46n, 2n ** 60n, BigInt(image.length) + 4096n]) {
      scene.store.load(entryRows(scene.actor, fileMetadataK(TAG.main), fileMetadataValue(size)));
      expect(await verify(), String(size)).to.include({ comparison: "v1_changed" });
      expect(await cleanUp(), String(size)).to.include({ reason: "v1_changed" });
    }
  });

  it("is not confused with a removal whose commit was unknown and did happen", async () => {
    expect(await cleanUp(new FaultyStore(scene.store, 1, "unknown_happened"))).to.include({ kind: "removed" });
    const rows = scene.store.dump().filter(({ key }) => Buffer.compare(key, v1Range(scene.actor.id).begin) >= 0);
    expect(rows.filter(({ key }) => Buffer.compare(key, v1Range(scene.actor.id).end) < 0)).to.deep.equal([]);
    expect(await cleanUp()).to.include({ kind: "refused", reason: "no_v1_data" });
  });

  it("counts another size of v1 as a change, also where page 1 and all else is the same", async () => {
    const seen = await look();
    scene.store.load(entryRows(scene.actor, fileMetadataK(TAG.main), fileMetadataValue(image.length + PAGE)));
    expect(isAsSeen(seen, await look())).to.equal(false);
  });

  it("counts a journal that was begun anew as a change, also where page 1 and all else is the same", async () => {
    for (const tag of [TAG.journal, TAG.wal]) {
      scene.store.load(fileRows(scene.actor, tag, new Uint8Array(600).fill(1)));
      const seen = await look();
      expect(isAsSeen(seen, await look())).to.equal(true);
      scene.store.load(entryRows(scene.actor, fileChunkK(tag, 0), new Uint8Array(600)));
      expect(isAsSeen(seen, await look())).to.equal(false);
    }
  });
});

function noCheck(): never {
  throw new Error("nothing is checked here");
}
