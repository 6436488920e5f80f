import type { ActorId } from "../../../formats/actor-id.ts";
import { ByteBuffer } from "../../../formats/byte-buffer.ts";
import { SHARD_PAGES } from "../../../formats/db-head.ts";
import { LTX_HEADER_BYTES, LtxEncoder } from "../../../formats/ltx.ts";
import { Pool } from "../../../formats/pool.ts";
import { Slab } from "../../../formats/slab.ts";
import type { PhysicalRow } from "../../../formats/split-value.ts";
import { PAGE_BYTES } from "../../../formats/sqlite-header.ts";
import { shardKey } from "../../../formats/v2-keys.ts";
import type { ImageSpec, StagedRows, Stager } from "../target.ts";
import { MIGRATION_TXID } from "./storage-head.ts";
import { logicalRows, storageBytesOf } from "./storage-rows.ts";

/** A shard is at most about 265 kB, so a transaction stays below 1.1 MB. */
const TRANSACTION_BYTES = 800_000;
/** Memory for the rows of one transaction. */
const SLAB_BYTES = 1_100_000;
/** Pages of an image that comes to more than one transaction even where all pages are noise: a smaller one has arrays of their own. */
const SLAB_PAGES = 256;
/** Slabs kept for later: as many as there are transactions under way. */
const MOST_FREE = 3;

/** Layout `shards`: an LTX blob per 64 pages, as the engine's compaction leaves them; several per transaction. */
export class ShardStager implements Stager {
  readonly #id: ActorId;
  readonly #spec: ImageSpec;
  readonly #rows: PhysicalRow[] = [];
  readonly #blob: ByteBuffer;
  readonly #slabs: Pool<Slab> | undefined;
  #slab: Slab | undefined;
  /** The shard that is open, if any, and its first page. */
  #shard: { readonly encoder: LtxEncoder; readonly firstPgno: number } | undefined;
  #rowBytes = 0;
  #storageBytes = 0;
  #firstPgno = 1;
  #nextPgno = 1;

  constructor(id: ActorId, spec: ImageSpec) {
    this.#id = id;
    this.#spec = spec;
    this.#slabs = spec.pageCount > SLAB_PAGES ? new Pool(() => new Slab(SLAB_BYTES), MOST_FREE) : undefined;
    // Half of what incompressible pages need: a small actor's blob must not cost an allocation sixteen times its size.
    this.#blob = new ByteBuffer(LTX_HEADER_BYTES + Math.min(spec.pageCount, SHARD_PAGES) * (PAGE_BYTES / 2));
  }

  add(pgno: number, block: Uint8Array): void {
    if (this.#rows.length === 0 && this.#shard === undefined) {
      // Nothing is held, so pages before this one, if any, were skipped.
      this.#firstPgno = pgno;
    }
    this.#shard ??= { encoder: new LtxEncoder(this.#header, this.#blob), firstPgno: pgno };
    this.#shard.encoder.add(pgno, block);
    this.#nextPgno = pgno + 1;
    if (this.#nextPgno % SHARD_PAGES === 0) {
      this.#closeShard();
    }
  }

  get ready(): boolean {
    return this.#rowBytes >= TRANSACTION_BYTES;
  }

  take(): StagedRows {
    const firstOpen = this.#shard?.firstPgno ?? this.#nextPgno;
    const slab = this.#slab;
    this.#slab = undefined;
    const staged = {
      release: () => {
        if (slab !== undefined) {
          this.#slabs?.give(slab);
        }
      },
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

  get #header(): { commitPages: number; txid: bigint; timestampMs: bigint } {
    const { pageCount, creationTsMs } = this.#spec;
    return { commitPages: pageCount, txid: MIGRATION_TXID, timestampMs: BigInt(creationTsMs) };
  }

  #closeShard(): void {
    if (this.#shard === undefined) {
      return;
    }
    const { encoder, firstPgno } = this.#shard;
    this.#shard = undefined;
    const key = shardKey(this.#id, Math.floor(firstPgno / SHARD_PAGES));
    encoder.finish();
    this.#slab ??= this.#slabs?.take();
    const slab = this.#slab;
    const value = slab === undefined ? encoder.take() : encoder.takeInto((bytes) => slab.copyOf(bytes));
    this.#rows.push(...logicalRows(key, value));
    this.#storageBytes += storageBytesOf(key, value);
    this.#rowBytes += value.length;
  }
}
