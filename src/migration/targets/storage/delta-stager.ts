import type { ActorId } from "../../../formats/actor-id.ts";
import { u64be } from "../../../formats/bytes.ts";
import { LtxEncoder } from "../../../formats/ltx.ts";
import type { PhysicalRow } from "../../../formats/split-value.ts";
import { deltaKey, pidxKey, PIDX_KEY_BYTES, PIDX_VALUE_BYTES } from "../../../formats/v2-keys.ts";
import type { ImageSpec, StagedRows, Stager } from "../target.ts";
import { MIGRATION_TXID } from "./storage-head.ts";
import { logicalRows, storageBytesOf } from "./storage-rows.ts";

/** What one transaction writes: rows of about this many bytes, and never twice it; also the most bytes of one DELTA chunk. */
const TRANSACTION_BYTES = 1_000_000;
/** A PIDX row as FoundationDB counts it: its 66 byte key three times, 9 bytes of value, 68 of overhead. */
const PIDX_ROW_BYTES = 276;

/**
 * Layout `delta`: one LTX blob over all pages, cut into DELTA chunks of one transaction each, with the PIDX rows of its pages.
 * PIDX rows mean nothing before META says so; writing them along keeps the switch small, whatever the image's size.
 */
export class DeltaStager implements Stager {
  readonly #id: ActorId;
  readonly #encoder: LtxEncoder;
  #chunk = 0;
  #firstPgno = 1;
  #nextPgno = 1;
  #finished = false;

  constructor(id: ActorId, spec: ImageSpec) {
    this.#id = id;
    this.#encoder = new LtxEncoder({
      commitPages: spec.pageCount,
      txid: MIGRATION_TXID,
      timestampMs: BigInt(spec.creationTsMs),
    });
  }

  add(pgno: number, block: Uint8Array): void {
    this.#encoder.add(pgno, block);
    this.#nextPgno = pgno + 1;
  }

  get ready(): boolean {
    if (this.#finished) {
      return this.#encoder.pendingBytes > 0;
    }
    const pidxBytes = (this.#nextPgno - this.#firstPgno) * PIDX_ROW_BYTES;
    return this.#encoder.pendingBytes + pidxBytes >= TRANSACTION_BYTES;
  }

  take(): StagedRows {
    const key = deltaKey(this.#id, MIGRATION_TXID, this.#chunk);
    const value = this.#encoder.take(TRANSACTION_BYTES);
    const rows: PhysicalRow[] = logicalRows(key, value);
    const txid = u64be(MIGRATION_TXID);
    for (let pgno = this.#firstPgno; pgno < this.#nextPgno; pgno += 1) {
      rows.push(...logicalRows(pidxKey(this.#id, pgno), txid));
    }
    const pages = this.#nextPgno - this.#firstPgno;
    const staged = {
      rows,
      storageBytes: storageBytesOf(key, value) + pages * (PIDX_KEY_BYTES + PIDX_VALUE_BYTES),
      firstPgno: this.#firstPgno,
      endPgno: this.#nextPgno,
    };
    this.#chunk += 1;
    this.#firstPgno = this.#nextPgno;
    return staged;
  }

  finish(): StagedRows {
    // The page index comes all at once, some ten bytes a page: of a large image it fills transactions of its own.
    this.#encoder.finish();
    this.#finished = true;
    return this.take();
  }
}
