import type { ActorId } from "../../../formats/actor-id.ts";
import { ByteBuffer } from "../../../formats/byte-buffer.ts";
import { SHARD_PAGES } from "../../../formats/db-head.ts";
import { LTX_HEADER_BYTES, LtxEncoder } from "../../../formats/ltx.ts";
import type { PhysicalRow } from "../../../formats/split-value.ts";
import { PAGE_BYTES } from "../../../formats/sqlite-header.ts";
import { shardKey } from "../../../formats/v2-keys.ts";
import { RowMemory } from "../row-memory.ts";
import type { ImageSpec, StagedRows, Stager } from "../target.ts";
import { MIGRATION_TXID } from "./storage-head.ts";
import { logicalRows, storageBytesOf } from "./storage-rows.ts";

const TRANSACTION_BYTES = 800_000;
/** A shard is at most about 265 kB, so a transaction stays below this. */
const MOST_BYTES = 1_100_000;

/** Layout `shards`: an LTX blob per 64 pages, as the engine's compaction leaves them; several per transaction. */
export class ShardStager implements Stager {
  readonly #id: ActorId;
  readonly #spec: ImageSpec;
  readonly #rows: PhysicalRow[] = [];
  readonly #blob: ByteBuffer;
  readonly #memory: RowMemory;
  /** The shard that is open, if any, and its first page. */
  #shard: { readonly encoder: LtxEncoder; readonly firstPgno: number } | undefined;
  #rowBytes = 0;
  #storageBytes = 0;
  #firstPgno = 1;
  #nextPgno = 1;

  constructor(id: ActorId, spec: ImageSpec) {
    this.#id = id;
    this.#spec = spec;
    this.#memory = new RowMemory(spec.pageCount, MOST_BYTES);
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
    const staged = {
      release: this.#memory.close(),
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
    const value = this.#memory.take(encoder);
    this.#rows.push(...logicalRows(key, value));
    this.#storageBytes += storageBytesOf(key, value);
    this.#rowBytes += value.length;
  }
}
