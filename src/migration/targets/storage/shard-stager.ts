import type { ActorId } from "../../../formats/actor-id.ts";
import { SHARD_PAGES } from "../../../formats/db-head.ts";
import { encodeLtx, type LtxPage } from "../../../formats/ltx.ts";
import type { PhysicalRow } from "../../../formats/split-value.ts";
import { shardKey } from "../../../formats/v2-keys.ts";
import type { ImageSpec, StagedRows, Stager } from "../target.ts";
import { MIGRATION_TXID } from "./storage-head.ts";
import { logicalRows, storageBytesOf } from "./storage-rows.ts";

/** A shard is at most about 265 kB, so a transaction stays below 1.1 MB. */
const TRANSACTION_BYTES = 800_000;

/** Layout `shards`: an LTX blob per 64 pages, as the engine's compaction leaves them; several per transaction. */
export class ShardStager implements Stager {
  readonly #id: ActorId;
  readonly #spec: ImageSpec;
  readonly #rows: PhysicalRow[] = [];
  #pages: LtxPage[] = [];
  #rowBytes = 0;
  #storageBytes = 0;
  #firstPgno = 1;
  #nextPgno = 1;

  constructor(id: ActorId, spec: ImageSpec) {
    this.#id = id;
    this.#spec = spec;
  }

  add(pgno: number, page: Uint8Array): void {
    if (this.#rows.length === 0 && this.#pages.length === 0) {
      // Nothing is held, so pages before this one, if any, were skipped.
      this.#firstPgno = pgno;
    }
    this.#pages.push({ pgno, page });
    this.#nextPgno = pgno + 1;
    if (this.#nextPgno % SHARD_PAGES === 0) {
      this.#closeShard();
    }
  }

  get ready(): boolean {
    return this.#rowBytes >= TRANSACTION_BYTES;
  }

  take(): StagedRows {
    const firstOpen = this.#pages[0]?.pgno ?? this.#nextPgno;
    const staged = {
      rows: this.#rows.splice(0),
      storageBytes: this.#storageBytes,
      firstPgno: this.#firstPgno,
      endPgno: firstOpen,
    };
    this.#rowBytes = 0;
    this.#storageBytes = 0;
    this.#firstPgno = firstOpen;
    return staged;
  }

  finish(): StagedRows {
    this.#closeShard();
    return this.take();
  }

  #closeShard(): void {
    const [first] = this.#pages;
    if (first === undefined) {
      return;
    }
    const key = shardKey(this.#id, Math.floor(first.pgno / SHARD_PAGES));
    const value = encodeLtx(
      {
        commitPages: this.#spec.pageCount,
        txid: MIGRATION_TXID,
        timestampMs: BigInt(this.#spec.creationTsMs),
      },
      this.#pages,
    );
    this.#pages = [];
    this.#rows.push(...logicalRows(key, value));
    this.#storageBytes += storageBytesOf(key, value);
    this.#rowBytes += value.length;
  }
}
