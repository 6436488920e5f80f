import type { ByteBuffer } from "../../../formats/byte-buffer.ts";
import { prefixRange, trailingU32 } from "../../../formats/bytes.ts";
import { deltaPrefix } from "../../../formats/depot-keys.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { decodeLtx } from "../../../formats/ltx.ts";
import type { Pool } from "../../../formats/pool.ts";
import type { Rows } from "../../rows.ts";

/** Blobs kept at once: one of the engine's has at most 320 pages, of any shards. */
const MAX_BLOBS = 8;

/** A DELTA blob: its pages' blocks, which are views of `memory`, and the first and last of these pages, if it has any. */
export interface Delta {
  readonly blocks: ReadonlyMap<number, Uint8Array>;
  readonly firstPgno: number | undefined;
  readonly lastPgno: number | undefined;
  readonly memory: ByteBuffer;
}

/** DELTA blobs by txid, the least recently used let go. */
export class DeltaCache {
  readonly #branch: Uint8Array;
  readonly #memories: Pool<ByteBuffer>;
  readonly #deltas = new Map<bigint, Promise<Delta | undefined>>();

  constructor(branch: Uint8Array, memories: Pool<ByteBuffer>) {
    this.#branch = branch;
    this.#memories = memories;
  }

  /** Undefined when the txid has no DELTA. @throws FormatError `delta_invalid`, `ltx_invalid` */
  async read(rows: Rows, txid: bigint): Promise<Delta | undefined> {
    const delta = this.#deltas.get(txid) ?? this.#read(rows, txid);
    this.#deltas.delete(txid);
    this.#deltas.set(txid, delta);
    const [oldest] = this.#deltas.keys();
    if (this.#deltas.size > MAX_BLOBS && oldest !== undefined) {
      this.#deltas.delete(oldest);
    }
    try {
      return await delta;
    } catch (error) {
      // Its transaction may be tried again.
      this.#deltas.delete(txid);
      throw error;
    }
  }

  /** Keeps a blob no longer that nobody else asks for. */
  forget(txid: bigint): void {
    this.#deltas.delete(txid);
  }

  async #read(rows: Rows, txid: bigint): Promise<Delta | undefined> {
    const prefix = deltaPrefix(this.#branch, txid);
    const memory = this.#memories.take();
    let chunks = 0;
    for await (const batch of rows.getRange(prefixRange(prefix), { into: (length) => memory.appendRoom(length) })) {
      for (const row of batch) {
        if (trailingU32(row.key, prefix) !== chunks) {
          throw new FormatError("delta_invalid", "A DELTA has a chunk missing.", { txid: txid.toString() });
        }
        chunks += 1;
      }
    }
    if (chunks === 0) {
      return undefined;
    }
    const { header, blocks } = decodeLtx(memory.peek());
    if (header.txid !== txid) {
      throw new FormatError("delta_invalid", "A DELTA's blob is of another txid.", { txid: txid.toString() });
    }
    return {
      blocks: new Map(blocks.map(({ pgno, block }) => [pgno, block] as const)),
      firstPgno: blocks[0]?.pgno,
      lastPgno: blocks.at(-1)?.pgno,
      memory,
    };
  }
}
