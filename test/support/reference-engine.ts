import type { Store, Transaction } from "../../src/store/store.ts";
import {
  encodeReferenceHead,
  encodeReferenceLtx,
  expectedOfV1,
  logicalKey,
  physicalRows,
  referenceHead,
  u32,
  v2RowsOf,
  type ReferenceHead,
} from "./reference.ts";
import {
  bytesOf,
  entryRows,
  fileChunkK,
  kvSubspace,
  lifeKey,
  lifeRow,
  PAGE,
  TAG,
  type Row,
  type TestActor,
} from "./v1-actors.ts";

/*
 * The engine as far as Ferry meets it: wakes and sleeps an actor (FORMATS §6), lets it write v1, and migrates it by itself
 * (FORMATS §5), step by step in transactions of its own. It knows nothing of Ferry's lease.
 */

const CHUNK_BYTES = 300_000;

/** What the engine's own migration came to. */
export type EngineResult = "no_v1_data" | "already_there" | "migrated" | "invalid" | "stage_lost";

export class ReferenceEngine {
  readonly #store: Store;
  readonly #actor: TestActor;
  readonly #now: () => number;

  constructor(store: Store, actor: TestActor, now: () => number) {
    this.#store = store;
    this.#actor = actor;
    this.#now = now;
  }

  /** Places the actor on a runner. */
  async wake(): Promise<void> {
    await this.#transact((tx) => {
      tx.clear(lifeKey(this.#actor, "SLEEP_TS"));
      tx.set(lifeKey(this.#actor, "RUNNER_ID"), Uint8Array.of(1));
      tx.set(lifeKey(this.#actor, "CONNECTABLE"), new Uint8Array(0));
    });
  }

  async sleep(): Promise<void> {
    await this.#transact((tx) => {
      tx.clear(lifeKey(this.#actor, "RUNNER_ID"));
      tx.clear(lifeKey(this.#actor, "CONNECTABLE"));
      const { key, value } = lifeRow(this.#actor, "SLEEP_TS", BigInt(this.#now()));
      tx.set(key, value);
    });
  }

  /** One put of the v1 VFS: a page of the main file. Pages stay within the file. */
  async writeV1Page(index: number, page: Uint8Array): Promise<void> {
    await this.#transact((tx) => {
      for (const { key, value } of entryRows(this.#actor, fileChunkK(TAG.main, index), page)) {
        tx.set(key, value);
      }
    });
  }

  /** Whether v2 holds a complete image: the actor then runs on that and writes v1 no more. */
  async isOnV2(): Promise<boolean> {
    return this.#store.transact(async (tx) => {
      const head = await this.#readHead(tx);
      return head !== undefined && head.head.origin !== 2;
    });
  }

  /** The first step of a migration of its own: throws an unfinished stage away and begins one. */
  async beginStage(): Promise<void> {
    await this.#begin();
  }

  /** Allocates the actor: throws an unfinished stage away and migrates. */
  async migrate(): Promise<EngineResult> {
    const begun = await this.#begin();
    if (typeof begun === "string") {
      return begun;
    }
    const { image, head } = begun;
    const pageCount = image.length / PAGE;
    const pages = new Map<number, Uint8Array>();
    for (let pgno = 1; pgno <= pageCount; pgno += 1) {
      pages.set(pgno, image.subarray((pgno - 1) * PAGE, pgno * PAGE));
    }
    const blob = encodeReferenceLtx({ commit: pageCount, txid: 1n, timestampMs: head.creationTsMs }, pages);
    let used = head.storageUsed;
    for (let chunk = 0; chunk * CHUNK_BYTES < blob.length; chunk += 1) {
      const key = logicalKey(this.#actor, "/DELTA/", u64(1n), "/", u32(chunk));
      const value = blob.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
      used += BigInt(key.length + value.length);
      if (!(await this.#stage({ ...head, storageUsed: used }, physicalRows(key, value)))) {
        return "stage_lost";
      }
    }
    const pidx = [...pages.keys()].map((pgno) => logicalKey(this.#actor, "/PIDX/delta/", u32(pgno)));
    used += BigInt(pidx.reduce((sum, key) => sum + key.length + 8, 0));
    const done = { ...head, pages: pageCount, headTxid: 1n, storageUsed: used, origin: 1 };
    const rows = pidx.flatMap((key) => physicalRows(key, u64(1n)));
    return (await this.#stage(done, rows)) ? "migrated" : "stage_lost";
  }

  async #begin(): Promise<{ image: Uint8Array; head: ReferenceHead } | EngineResult> {
    return this.#store.transact(async (tx) => {
      const rows = await rowsUnder(tx, bytesOf(kvSubspace(this.#actor), 5, 1, 8));
      const expected = expectedOfV1(this.#actor, rows);
      const found = await this.#readHead(tx);
      if (expected.kind === "none") {
        return "no_v1_data";
      }
      if (found !== undefined && found.head.origin !== 2) {
        return "already_there";
      }
      if (expected.kind === "rejected") {
        return "invalid";
      }
      for (const { key } of v2RowsOf(this.#actor, await rowsUnder(tx, this.#subspace()))) {
        tx.clear(key);
      }
      const head: ReferenceHead = {
        generation: 1n,
        headTxid: 0n,
        nextTxid: 2n,
        materializedTxid: 0n,
        pages: 0,
        creationTsMs: BigInt(this.#now()),
        storageUsed: BigInt(logicalKey(this.#actor, "/META").length + 73),
        maxStorage: 10n * 1024n ** 3n,
        origin: 2,
      };
      this.#writeHead(tx, head);
      return { image: expected.image, head };
    });
  }

  /** Writes rows of the stage and the head with them, unless the stage is not the engine's any more. */
  async #stage(head: ReferenceHead, rows: readonly Row[]): Promise<boolean> {
    return this.#store.transact(async (tx) => {
      const found = (await this.#readHead(tx))?.head;
      const own = found?.origin === 2 && found.generation === 1n && found.nextTxid === 2n && found.headTxid === 0n;
      if (!own) {
        return false;
      }
      this.#writeHead(tx, head);
      for (const { key, value } of rows) {
        tx.set(key, value);
      }
      return true;
    });
  }

  async #readHead(tx: Transaction): Promise<{ head: ReferenceHead } | undefined> {
    const row = await tx.get(this.#metaKey());
    return row === undefined ? undefined : { head: referenceHead(row.subarray(1)) };
  }

  #writeHead(tx: Transaction, head: ReferenceHead): void {
    tx.set(this.#metaKey(), bytesOf(0, encodeReferenceHead(head)));
  }

  #subspace(): Uint8Array {
    return Uint8Array.from(Buffer.from("1415030273716c6974652d73746f7261676500", "hex"));
  }

  #metaKey(): Uint8Array {
    return bytesOf(this.#subspace(), logicalKey(this.#actor, "/META"));
  }

  async #transact(write: (tx: Transaction) => void): Promise<void> {
    await this.#store.transact(async (tx) => {
      write(tx);
      await Promise.resolve();
    });
  }
}

async function rowsUnder(tx: Transaction, prefix: Uint8Array): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of tx.getRange({ begin: prefix, end: bytesOf(prefix, 0xff) })) {
    rows.push(...batch.map(({ key, value }) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) })));
  }
  return rows;
}

function u64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return Uint8Array.from(bytes);
}
