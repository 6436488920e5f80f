import type { Store, Transaction } from "../../src/store/store.ts";
import {
  BUCKET,
  bucketRows,
  BUCKET_BRANCH,
  ENGINE_BRANCH,
  engineCommit,
  engineDatabase,
  importMarkerRow,
  lifeFieldKey,
  lifeFieldRow,
  takeOverRows,
  wakeRows,
} from "./depot-world.ts";
import { expectedOfV1, InvariantViolation } from "./reference.ts";
import {
  bytesOf,
  entryRows,
  fileChunkK,
  idText,
  kvSubspace,
  PAGE,
  TAG,
  type Row,
  type TestActor,
} from "./v1-actors.ts";

/** What the engine's own migration commits at most. */
const ENGINE_PAGES = 320;

/** How often a workflow tries an activity. */
const TRIES = 5;

/** What the engine's own migration came to. */
export type DepotEngineResult = "already_there" | "migrated" | "too_large";

/**
 * The engine as far as Ferry meets it on Depot (DEPOT §7), each step a transaction of its own, and knowing nothing of Ferry: wakes and
 * sleeps a v1 actor, lets it write, creates the namespace's bucket, takes the actor over and migrates it.
 */
export class DepotEngine {
  readonly #store: Store;
  readonly #actor: TestActor;
  readonly #now: () => number;

  constructor(store: Store, actor: TestActor, now: () => number) {
    this.#store = store;
    this.#actor = actor;
    this.#now = now;
  }

  /** Places the actor on a runner that speaks v1, if it still may: one that is switched or taken over meets none, they are drained. */
  async wake(): Promise<boolean> {
    return this.#store.transact(async (tx) => {
      const version = await tx.get(lifeFieldKey(this.#actor, "VERSION"));
      if (version !== undefined || (await this.#pointer(tx)) !== undefined) {
        return false;
      }
      const { set, clear } = wakeRows(this.#actor);
      setAll(tx, set);
      clear.forEach((key) => {
        tx.clear(key);
      });
      return true;
    });
  }

  /** Takes the actor off its runner, which leaves it with a new SLEEP_TS. */
  async sleep(): Promise<void> {
    await this.#store.transact(async (tx) => {
      wakeRows(this.#actor).set.forEach(({ key }) => {
        tx.clear(key);
      });
      const at = Buffer.alloc(8);
      at.writeBigInt64BE(BigInt(this.#now()));
      setAll(tx, [lifeFieldRow(this.#actor, "SLEEP_TS", at)]);
      await Promise.resolve();
    });
  }

  /** One put of the v1 VFS. Pages stay within the file. */
  async writeV1Page(index: number, page: Uint8Array): Promise<void> {
    await this.#store.transact(async (tx) => {
      setAll(tx, entryRows(this.#actor, fileChunkK(TAG.main, index), page));
      await Promise.resolve();
    });
  }

  /** Another actor's first commit makes the bucket of the namespace. */
  async createBucket(): Promise<void> {
    await this.#store.transact(async (tx) => {
      await ensureBucket(tx);
    });
  }

  /** actor2 takes the actor over. */
  async takeOver(): Promise<void> {
    await this.#store.transact(async (tx) => {
      setAll(tx, takeOverRows(this.#actor));
      await Promise.resolve();
    });
  }

  /**
   * What actor2 does once it has taken over: looks for a database as a snapshot, reads v1, and commits all pages at once.
   * @throws InvariantViolation when it finds a database only then: it would append v1's pages to it.
   */
  async migrate(): Promise<DepotEngineResult> {
    const image = await this.#store.transact(async (tx) =>
      (await this.#pointer(tx, { snapshot: true })) === undefined ? this.#readV1(tx) : undefined,
    );
    if (image === undefined) {
      return "already_there";
    }
    if (image.length > ENGINE_PAGES * PAGE) {
      return "too_large";
    }
    await this.#store.transact(async (tx) => {
      const bucketBranch = await ensureBucket(tx);
      if ((await this.#pointer(tx)) !== undefined) {
        throw new InvariantViolation("the engine appends v1 to a database that came to be while it migrated");
      }
      setAll(tx, engineDatabase(this.#actor, bucketBranch, pagesOf(image, 1, image.length / PAGE)));
    });
    return "migrated";
  }

  /**
   * What actor2 does in engines newer than the releases (docs/decisions/depot-gates.md), with a stop after every transaction: looks for
   * a database and the marker, marks, commits pages 2 to the last, 320 at a time, then page 1, and takes the mark away. A commit whose
   * head is not the one expected fails the activity, which is tried again from the start, whoever's head it is.
   */
  async *importV1(): AsyncGenerator<ImportStep, void, undefined> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const { marker, head, image } = await this.#store.transact(async (tx) => this.#look(tx));
      yield "looked";
      if (head !== undefined && marker === undefined) {
        return;
      }
      const pages = image.length / PAGE;
      await this.#put(importMarkerRow(this.#actor, pages));
      yield "marked";
      const resumes = head !== undefined && marker !== undefined && Buffer.from(marker).readUInt32BE() === pages;
      let expected: number | undefined = head?.txid ?? 0;
      for (let pgno = resumes ? Math.max(2, head.size + 1) : 2; pgno <= pages && expected !== undefined;) {
        const end = Math.min(pgno + ENGINE_PAGES - 1, pages);
        expected = await this.#commit(pagesOf(image, pgno, end), end, expected);
        yield "committed";
        pgno = end + 1;
      }
      if (expected === undefined || (await this.#commit(pagesOf(image, 1, 1), pages, expected)) === undefined) {
        continue;
      }
      yield "ended";
      await this.#store.transact(async (tx) => {
        tx.clear(importMarkerRow(this.#actor, 0).key);
        await Promise.resolve();
      });
      return;
    }
  }

  async #look(
    tx: Transaction,
  ): Promise<{ marker?: Uint8Array | undefined; head?: Head | undefined; image: Uint8Array }> {
    const pointer = await this.#pointer(tx, { snapshot: true });
    const marker = await tx.get(importMarkerRow(this.#actor, 0).key);
    const head = pointer === undefined ? undefined : await headOf(tx, pointer.subarray(3, 19), { snapshot: true });
    return { marker, head, image: await this.#readV1(tx) };
  }

  /** The new head's txid; undefined when the head was not the one expected. */
  async #commit(pages: ReadonlyMap<number, Uint8Array>, size: number, expected: number): Promise<number | undefined> {
    return this.#store.transact(async (tx) => {
      const bucketBranch = await ensureBucket(tx);
      const pointer = await this.#pointer(tx);
      const branch = pointer === undefined ? ENGINE_BRANCH : Uint8Array.from(pointer.subarray(3, 19));
      const actual = pointer === undefined ? 0 : ((await headOf(tx, branch))?.txid ?? 0);
      if (actual !== expected) {
        return undefined;
      }
      setAll(
        tx,
        pointer === undefined
          ? engineDatabase(this.#actor, bucketBranch, pages)
          : engineCommit({ branch, txid: actual + 1, size }, pages),
      );
      return actual + 1;
    });
  }

  async #put(row: Row): Promise<void> {
    await this.#store.transact(async (tx) => {
      setAll(tx, [row]);
      await Promise.resolve();
    });
  }

  async #pointer(tx: Transaction, options: { snapshot?: boolean } = {}): Promise<Uint8Array | undefined> {
    const bucket = await tx.get(bytesOf(2, 0x11, "/", BUCKET, "/cur"), options);
    if (bucket === undefined) {
      return undefined;
    }
    const key = bytesOf(2, 0x10, "/", bucket.subarray(3, 19), "/", idText(this.#actor.idBytes), "/cur");
    return tx.get(key, options);
  }

  async #readV1(tx: Transaction): Promise<Uint8Array> {
    const prefix = kvSubspace(this.#actor);
    const rows: Row[] = [];
    for await (const batch of tx.getRange({ begin: prefix, end: bytesOf(prefix, 0xff) })) {
      rows.push(...batch.map(({ key, value }) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) })));
    }
    const expected = expectedOfV1(this.#actor, rows);
    if (expected.kind !== "image") {
      throw new InvariantViolation(`the actor's v1 rows are no image: ${expected.kind}`);
    }
    return expected.image;
  }
}

/** Where an import stands: the last commit of pages is `ended`, and what follows takes the mark away. */
export type ImportStep = "looked" | "marked" | "committed" | "ended";

interface Head {
  readonly txid: number;
  readonly size: number;
}

async function headOf(
  tx: Transaction,
  branch: Uint8Array,
  options: { snapshot?: boolean } = {},
): Promise<Head | undefined> {
  const row = await tx.get(bytesOf(2, 0x30, "/", branch, "/META/head"), options);
  return row === undefined
    ? undefined
    : { txid: Number(Buffer.from(row).readBigUInt64LE(2)), size: Buffer.from(row).readUInt32LE(10) };
}

function pagesOf(image: Uint8Array, first: number, last: number): Map<number, Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  for (let pgno = first; pgno <= last; pgno += 1) {
    pages.set(pgno, image.subarray((pgno - 1) * PAGE, pgno * PAGE));
  }
  return pages;
}

/** The bucket branch of the namespace, made as the engine's first commit in it makes it. */
async function ensureBucket(tx: Transaction): Promise<Uint8Array> {
  const pointer = await tx.get(bytesOf(2, 0x11, "/", BUCKET, "/cur"));
  if (pointer !== undefined) {
    return Uint8Array.from(pointer.subarray(3, 19));
  }
  setAll(tx, bucketRows(BUCKET_BRANCH));
  return BUCKET_BRANCH;
}

function setAll(tx: Transaction, rows: readonly Row[]): void {
  rows.forEach(({ key, value }) => {
    tx.set(key, value);
  });
}
