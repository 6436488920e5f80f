import { SHARD_PAGES } from "../../../formats/db-head.ts";
import { ByteBuffer } from "../../../formats/byte-buffer.ts";
import { u64be } from "../../../formats/bytes.ts";
import { deltaChunkKey, pageKeys } from "../../../formats/depot-keys.ts";
import { LTX_HEADER_BYTES, LtxEncoder } from "../../../formats/ltx.ts";
import { PAGE_BYTES } from "../../../formats/sqlite-header.ts";
import type { KeyValue } from "../../../store/store.ts";
import { RowMemory } from "../row-memory.ts";
import type { ImageSpec, StagedRows, Stager } from "../target.ts";
import { PAGE_ROW_BYTES, pagesAfter, txidOfPage } from "./depot-layout.ts";
import type { DepotStage } from "./depot-stage.ts";

/** DELTA blobs are cut into pieces of this size, raw: DEPOT §4. */
const CHUNK_BYTES = 10_000;
/** What one transaction writes: rows of about this many bytes as FoundationDB counts them, and never twice it. */
const TRANSACTION_BYTES = 1_000_000;
/** The most that the blobs of one come to: one that is nearly full, and a DELTA of 64 pages of noise. */
const MOST_BLOB_BYTES = 1_270_000;
/** A PIDX row as FoundationDB counts it: the key three times and the value. */
const COUNTED_PAGE_ROW_BYTES = 96;

/** The pages of a DELTA: `firstPgno` to `endPgno`, excluded. */
interface DeltaPages {
  readonly txid: number;
  readonly firstPgno: number;
  endPgno: number;
}

/** The DELTA that is being put together. */
interface OpenDelta extends DeltaPages {
  readonly encoder: LtxEncoder;
}

/**
 * The rows that can be written in any order, DELTA and PIDX: a txid per shard, closed when its last page is there. PIDX rows
 * beyond what META/head says are ignored by readers, and no reader comes here before the switch anyway.
 */
export class DepotStager implements Stager {
  readonly #stage: DepotStage;
  readonly #spec: ImageSpec;
  readonly #blob: ByteBuffer;
  readonly #memory: RowMemory;
  #delta: OpenDelta | undefined;
  #blobRows: KeyValue[] = [];
  #deltas: DeltaPages[] = [];
  #countedBytes = 0;
  #storageBytes = 0;
  /** Of what is held, or was last. */
  #firstPgno = 1;
  /** One past the last page of a closed DELTA. */
  #endPgno = 1;

  constructor(stage: DepotStage, spec: ImageSpec) {
    this.#stage = stage;
    this.#spec = spec;
    this.#memory = new RowMemory(spec.pageCount, MOST_BLOB_BYTES);
    // As in layout `shards`: in the size of a small actor's blob, grown where more is needed.
    this.#blob = new ByteBuffer(LTX_HEADER_BYTES + Math.min(spec.pageCount, SHARD_PAGES) * (PAGE_BYTES / 2));
  }

  add(pgno: number, block: Uint8Array): void {
    if (this.#deltas.length === 0 && this.#delta === undefined) {
      // Nothing is held, so pages before this one, if any, were skipped.
      this.#firstPgno = pgno;
    }
    const delta = this.#delta ?? this.#openDelta(txidOfPage(pgno), pgno);
    delta.encoder.add(pgno, block);
    delta.endPgno = pgno + 1;
    if (pgno % SHARD_PAGES === SHARD_PAGES - 1) {
      this.#closeDelta(delta);
    }
  }

  get ready(): boolean {
    return this.#countedBytes >= TRANSACTION_BYTES;
  }

  take(): StagedRows {
    const [blobRows, deltas] = [this.#blobRows, this.#deltas];
    const staged = {
      release: this.#memory.close(),
      rows: { [Symbol.iterator]: () => rowsOf(this.#stage.branch, blobRows, deltas) },
      storageBytes: this.#storageBytes,
      firstPgno: this.#firstPgno,
      endPgno: this.#endPgno,
    };
    this.#blobRows = [];
    this.#deltas = [];
    this.#countedBytes = 0;
    this.#storageBytes = 0;
    return staged;
  }

  finish(): StagedRows {
    // An empty image has a txid too, with an empty DELTA, as the engine's own migration writes it.
    const delta = this.#spec.pageCount === 0 ? this.#openDelta(txidOfPage(0), 1) : this.#delta;
    if (delta !== undefined) {
      this.#closeDelta(delta);
    }
    return this.take();
  }

  #openDelta(txid: number, firstPgno: number): OpenDelta {
    const commitPages = pagesAfter(txid, this.#spec.pageCount);
    const header = { commitPages, txid: BigInt(txid), timestampMs: this.#stage.wallClockMs };
    this.#delta = { txid, encoder: new LtxEncoder(header, this.#blob), firstPgno, endPgno: firstPgno };
    return this.#delta;
  }

  #closeDelta({ txid, encoder, firstPgno, endPgno }: OpenDelta): void {
    const { branch } = this.#stage;
    this.#delta = undefined;
    encoder.finish();
    const blob = this.#memory.take(encoder);
    for (let offset = 0; offset < blob.length; offset += CHUNK_BYTES) {
      const row = {
        key: deltaChunkKey(branch, BigInt(txid), offset / CHUNK_BYTES),
        value: blob.subarray(offset, offset + CHUNK_BYTES),
      };
      this.#blobRows.push(row);
      this.#storageBytes += row.key.length + row.value.length;
      this.#countedBytes += 3 * row.key.length + row.value.length;
    }
    this.#deltas.push({ txid, firstPgno, endPgno });
    this.#endPgno = endPgno;
    this.#storageBytes += (endPgno - firstPgno) * PAGE_ROW_BYTES;
    this.#countedBytes += (endPgno - firstPgno) * COUNTED_PAGE_ROW_BYTES;
  }
}

function* rowsOf(
  branch: Uint8Array,
  blobRows: readonly KeyValue[],
  deltas: readonly DeltaPages[],
): Generator<KeyValue, void, undefined> {
  yield* blobRows;
  for (const { txid, firstPgno, endPgno } of deltas) {
    const value = u64be(BigInt(txid));
    for (const key of pageKeys(branch, firstPgno, endPgno)) {
      yield { key, value };
    }
  }
}
