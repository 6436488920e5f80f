import { SHARD_PAGES } from "../../../formats/db-head.ts";
import { u64be } from "../../../formats/bytes.ts";
import { deltaChunkKey, pageKey } from "../../../formats/depot-keys.ts";
import { encodeLtx, type LtxPage } from "../../../formats/ltx.ts";
import type { KeyValue } from "../../../store/store.ts";
import type { ImageSpec, StagedRows, Stager } from "../target.ts";
import { PAGE_ROW_BYTES, pagesAfter, txidOfPage } from "./depot-layout.ts";
import type { DepotStage } from "./depot-stage.ts";

/** DELTA blobs are cut into pieces of this size, raw: DEPOT §4. */
const CHUNK_BYTES = 10_000;
/** What one transaction writes: rows of about this many bytes as FoundationDB counts them, and never twice it. */
const TRANSACTION_BYTES = 1_000_000;
/** A PIDX row as FoundationDB counts it: the key three times and the value. */
const COUNTED_PAGE_ROW_BYTES = 96;

/**
 * The rows that can be written in any order, DELTA and PIDX: a txid per shard, closed when its last page is there. PIDX rows
 * beyond what META/head says are ignored by readers, and no reader comes here before the switch anyway.
 */
export class DepotStager implements Stager {
  readonly #stage: DepotStage;
  readonly #spec: ImageSpec;
  #pages: LtxPage[] = [];
  #rows: KeyValue[] = [];
  #countedBytes = 0;
  #storageBytes = 0;
  #firstPgno = 1;
  #nextPgno = 1;

  constructor(stage: DepotStage, spec: ImageSpec) {
    this.#stage = stage;
    this.#spec = spec;
  }

  add(pgno: number, page: Uint8Array): void {
    if (this.#rows.length === 0 && this.#pages.length === 0) {
      // Nothing is held, so pages before this one, if any, were skipped.
      this.#firstPgno = pgno;
      this.#nextPgno = pgno;
    }
    this.#pages.push({ pgno, page });
    if (pgno % SHARD_PAGES === SHARD_PAGES - 1) {
      this.#closeTxid(txidOfPage(pgno));
    }
  }

  get ready(): boolean {
    return this.#countedBytes >= TRANSACTION_BYTES;
  }

  take(): StagedRows {
    const staged = {
      rows: this.#rows,
      storageBytes: this.#storageBytes,
      firstPgno: this.#firstPgno,
      endPgno: this.#nextPgno,
    };
    this.#rows = [];
    this.#countedBytes = 0;
    this.#storageBytes = 0;
    this.#firstPgno = this.#nextPgno;
    return staged;
  }

  finish(): StagedRows {
    // An empty image has a txid too, with an empty DELTA, as the engine's own migration writes it.
    if (this.#pages.length > 0 || this.#spec.pageCount === 0) {
      this.#closeTxid(txidOfPage(this.#spec.pageCount));
    }
    return this.take();
  }

  #closeTxid(txid: number): void {
    const { branch, wallClockMs } = this.#stage;
    const blob = encodeLtx(
      { commitPages: pagesAfter(txid, this.#spec.pageCount), txid: BigInt(txid), timestampMs: wallClockMs },
      this.#pages,
    );
    for (let offset = 0; offset < blob.length; offset += CHUNK_BYTES) {
      const row = {
        key: deltaChunkKey(branch, BigInt(txid), offset / CHUNK_BYTES),
        value: blob.subarray(offset, offset + CHUNK_BYTES),
      };
      this.#rows.push(row);
      this.#storageBytes += row.key.length + row.value.length;
      this.#countedBytes += 3 * row.key.length + row.value.length;
    }
    const value = u64be(BigInt(txid));
    for (const { pgno } of this.#pages) {
      this.#rows.push({ key: pageKey(branch, pgno), value });
      this.#nextPgno = pgno + 1;
    }
    this.#storageBytes += this.#pages.length * PAGE_ROW_BYTES;
    this.#countedBytes += this.#pages.length * COUNTED_PAGE_ROW_BYTES;
    this.#pages = [];
  }
}
