import { concatBytes, prefixRange } from "../../../formats/bytes.ts";
import { deltaPrefix, trailingInteger } from "../../../formats/depot-keys.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { decodeLtx } from "../../../formats/ltx.ts";
import type { Rows } from "../../rows.ts";

/** Blobs kept at once. A blob of Ferry's has 64 pages and is used up by one shard; one of the engine's has at most 320. */
const MAX_BLOBS = 8;

type Blocks = ReadonlyMap<number, Uint8Array>;

/** The pages' blocks of DELTA blobs by txid, the least recently used let go. */
export class DeltaCache {
  readonly #rows: Rows;
  readonly #branch: Uint8Array;
  readonly #blobs = new Map<bigint, Promise<Blocks | undefined>>();

  constructor(rows: Rows, branch: Uint8Array) {
    this.#rows = rows;
    this.#branch = branch;
  }

  /** Undefined when the txid has no DELTA. @throws FormatError `delta_invalid`, `ltx_invalid` */
  async blocks(txid: bigint): Promise<Blocks | undefined> {
    const known = this.#blobs.get(txid);
    const blocks = known ?? this.#read(txid);
    this.#blobs.delete(txid);
    this.#blobs.set(txid, blocks);
    const [oldest] = this.#blobs.keys();
    if (this.#blobs.size > MAX_BLOBS && oldest !== undefined) {
      this.#blobs.delete(oldest);
    }
    return blocks;
  }

  async #read(txid: bigint): Promise<Blocks | undefined> {
    const prefix = deltaPrefix(this.#branch, txid);
    const chunks: Uint8Array[] = [];
    for await (const batch of this.#rows.getRange(prefixRange(prefix))) {
      for (const row of batch) {
        if (trailingInteger(row.key, prefix, 4) !== BigInt(chunks.length)) {
          throw new FormatError("delta_invalid", "A DELTA has a chunk missing.", { txid: txid.toString() });
        }
        chunks.push(row.value);
      }
    }
    if (chunks.length === 0) {
      return undefined;
    }
    const { header, blocks } = decodeLtx(concatBytes(...chunks));
    if (header.txid !== txid) {
      throw new FormatError("delta_invalid", "A DELTA's blob is of another txid.", { txid: txid.toString() });
    }
    return new Map(blocks.map(({ pgno, block }) => [pgno, block] as const));
  }
}
