import type { MigrationContext, MigrationOptions } from "../../src/migration/context.ts";
import type { Outcome } from "../../src/migration/outcome.ts";
import type { Store } from "../../src/store/store.ts";
import { freshWorld } from "../migration/depot/prepared.ts";
import { attempt as attemptDepot, depotContext } from "./depot-attempt.ts";
import { bucketBranchOf, pointerOf } from "./depot-reference.ts";
import { engineCommit, engineDatabase, NAMESPACE } from "./depot-world.ts";
import { MemoryStore, type GatePoint } from "./memory-store.ts";
import { attempt as attemptStorage, contextOn, TestClock } from "./reference-attempt.ts";
import {
  encodeReferenceHead,
  encodeReferenceLtx,
  logicalKey,
  physicalRows,
  referenceHead,
  u32,
  v2RowsOf,
} from "./reference.ts";
import { bytesOf, PAGE, testActor, v1Rows, type Row, type TestActor } from "./v1-actors.ts";

export const SCENE_TARGETS = ["storage", "depot"] as const;

/** An actor with v1 data that sleeps, and what Ferry and the engine may do to it, in any store that began as the scene's. */
export interface MigratedScene {
  readonly actor: TestActor;
  readonly store: MemoryStore;
  readonly context: (store: Store, checkIntegrity: MigrationContext["checkIntegrity"]) => MigrationContext;
  readonly migrate: (store: Store, options?: Partial<MigrationOptions>) => Promise<Outcome>;
  readonly advance: (ms: number) => void;
  /** The engine commits what makes one image another, without pages that SQLite never wrote, by their indices. */
  readonly writeV2: (store: MemoryStore, before: Uint8Array, after: Uint8Array, holes?: readonly number[]) => void;
  /** A database of another image takes the place of Ferry's, as the engine makes a new one. */
  readonly replaceV2: (store: MemoryStore, image: Uint8Array) => void;
  /** Leaves a head in v2 that nobody can read. */
  readonly breakHead: (store: MemoryStore) => void;
}

/** A scene whose actor was not migrated yet. */
export async function makeScene(
  target: (typeof SCENE_TARGETS)[number],
  image: Uint8Array,
  besides: (actor: TestActor) => readonly Row[] = () => [],
): Promise<MigratedScene> {
  const scene = target === "storage" ? storageScene() : await depotScene();
  scene.store.load([...v1Rows(scene.actor, image), ...besides(scene.actor)]);
  return scene;
}

/** The same rows in a store in which something happens before the nth transaction of a label, or before it commits; counted from 1. */
export function livingStore(
  from: MemoryStore,
  happen: (store: MemoryStore, at: { point: GatePoint; label: string; n: number }) => Promise<void> | void,
): MemoryStore {
  const counts = new Map<string, number>();
  const store: MemoryStore = new MemoryStore({
    from,
    gate: async (point, label) => {
      const n = (counts.get(`${point} ${label}`) ?? 0) + 1;
      counts.set(`${point} ${label}`, n);
      await happen(store, { point, label, n });
    },
  });
  return store;
}

/**
 * Runs `body` on the same rows once for each of its steps, with something happening at that one: before a transaction, or before it commits.
 * Gives what it came to each time, and last what it comes to undisturbed.
 */
export async function atEachStep<T>(
  from: MemoryStore,
  happen: (store: MemoryStore) => void,
  body: (store: MemoryStore) => Promise<T>,
): Promise<{ disturbed: { result: T; store: MemoryStore }[]; undisturbed: T }> {
  const disturbed: { result: T; store: MemoryStore }[] = [];
  for (let at = 1; ; at += 1) {
    let steps = 0;
    const store = livingStore(from, (living) => {
      steps += 1;
      if (steps === at) {
        happen(living);
      }
    });
    const result = await body(store);
    if (steps < at) {
      return { disturbed, undisturbed: result };
    }
    disturbed.push({ result, store });
  }
}

function storageScene(): MigratedScene {
  const actor = testActor(41);
  const clock = new TestClock();
  const metaKey = physicalRows(logicalKey(actor, "/META"), new Uint8Array(1))[0]?.key ?? new Uint8Array(0);
  return {
    actor,
    store: new MemoryStore(),
    context: (store, checkIntegrity) => contextOn(store, clock, { checkIntegrity }),
    migrate: (store, options = {}) => attemptStorage(store, actor, clock, options),
    advance: (ms) => {
      clock.advance(ms);
    },
    writeV2(store, before, after, holes = []) {
      // Behind the byte that says that the value is inline.
      const head = referenceHead(valueOf(store, metaKey).subarray(1));
      const txid = head.headTxid + 1n;
      const pages = changedPages(before, after, holes);
      const header = { commit: after.length / PAGE, txid, timestampMs: 1n };
      const blob = encodeReferenceLtx(header, pages);
      const size = after.length / PAGE;
      const newHead = encodeReferenceHead({ ...head, headTxid: txid, nextTxid: txid + 1n, pages: size });
      store.load([
        ...physicalRows(logicalKey(actor, "/META"), newHead),
        ...physicalRows(logicalKey(actor, "/DELTA/", u64(txid), "/", u32(0)), blob),
        ...[...pages.keys()].flatMap((pgno) => physicalRows(logicalKey(actor, "/PIDX/delta/", u32(pgno)), u64(txid))),
      ]);
    },
    replaceV2(store, image) {
      store.load(
        [],
        v2RowsOf(actor, store.dump()).map(({ key }) => ({ begin: key, end: bytesOf(key, 0) })),
      );
      const pages = changedPages(new Uint8Array(0), image);
      const head = {
        generation: 1n,
        headTxid: 1n,
        nextTxid: 2n,
        materializedTxid: 0n,
        pages: pages.size,
        creationTsMs: 1n,
        storageUsed: 0n,
        maxStorage: 10n * 1024n ** 3n,
        origin: 0,
      };
      store.load([
        ...physicalRows(logicalKey(actor, "/META"), encodeReferenceHead(head)),
        ...physicalRows(
          logicalKey(actor, "/DELTA/", u64(1n), "/", u32(0)),
          encodeReferenceLtx({ commit: pages.size, txid: 1n, timestampMs: 1n }, pages),
        ),
        ...[...pages.keys()].flatMap((pgno) => physicalRows(logicalKey(actor, "/PIDX/delta/", u32(pgno)), u64(1n))),
      ]);
    },
    breakHead(store) {
      store.load([{ key: metaKey, value: Uint8Array.of(0, 9, 9) }]);
    },
  };
}

async function depotScene(): Promise<MigratedScene> {
  const store = new MemoryStore();
  const { world, actor } = await freshWorld(store);
  const branchOf = (rows: readonly Row[]): Uint8Array => pointerOf(rows, actor)?.subarray(3, 19) ?? new Uint8Array(16);
  const headKeyOf = (rows: readonly Row[]): Uint8Array => bytesOf(0x02, 0x30, "/", branchOf(rows), "/META/head");
  return {
    actor,
    store,
    context: (on, checkIntegrity) => ({ ...depotContext(on, world), checkIntegrity }),
    migrate: (on, migration = {}) => attemptDepot(on, world, actor, { migration }),
    advance: (ms) => {
      world.nowMs += ms;
    },
    writeV2(on, before, after, holes = []) {
      const rows = on.dump();
      const txid = Number(Buffer.from(valueOf(on, headKeyOf(rows))).readBigUInt64LE(2)) + 1;
      const commit = { branch: branchOf(rows), txid, size: after.length / PAGE };
      on.load(engineCommit(commit, changedPages(before, after, holes)));
    },
    replaceV2(on, image) {
      const bucketBranch = bucketBranchOf(on.dump(), NAMESPACE) ?? new Uint8Array(16);
      on.load(engineDatabase(actor, bucketBranch, changedPages(new Uint8Array(0), image)));
    },
    breakHead(on) {
      on.load([{ key: headKeyOf(on.dump()), value: Uint8Array.of(9, 9) }]);
    },
  };
}

function valueOf(store: MemoryStore, key: Uint8Array): Uint8Array {
  return store.dump().find((row) => Buffer.compare(row.key, key) === 0)?.value ?? new Uint8Array(0);
}

function changedPages(
  before: Uint8Array,
  after: Uint8Array,
  holes: readonly number[] = [],
): ReadonlyMap<number, Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  for (let offset = 0; offset < after.length; offset += PAGE) {
    const page = after.subarray(offset, offset + PAGE);
    const isUnwritten = holes.includes(offset / PAGE);
    if (!isUnwritten && Buffer.compare(page, before.subarray(offset, offset + PAGE)) !== 0) {
      pages.set(offset / PAGE + 1, page);
    }
  }
  return pages;
}

function u64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
