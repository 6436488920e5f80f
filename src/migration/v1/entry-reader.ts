import { concatBytes, equalBytes, toHex } from "../../formats/bytes.ts";
import { assertEntryMetadata, decodeRowKey } from "../../formats/actor-kv.ts";
import { FormatError } from "../../formats/format-error.ts";
import type { KeyValue } from "../../store/store.ts";

/** An entry of the actor's key-value space, put together from its rows. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Puts entries together from rows in key order: `push` rows and get the entries they complete, `end` for the last.
 * An entry has value chunks 0, 1, 2 … and then its metadata row, which must be one; anything else is corrupt.
 * @throws FormatError `entry_corrupt` with the entry's key.
 */
export class EntryReader {
  readonly #subspace: Uint8Array;
  #key: Uint8Array | undefined;
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;

  constructor(subspace: Uint8Array) {
    this.#subspace = subspace;
  }

  /** Bytes of the value of the entry that is not complete yet. */
  get pendingBytes(): number {
    return this.#chunkBytes;
  }

  push(rows: readonly KeyValue[]): Entry[] {
    const entries: Entry[] = [];
    for (const row of rows) {
      const decoded = decodeRowKey(this.#subspace, row.key);
      if (this.#key !== undefined && !equalBytes(this.#key, decoded.key)) {
        throw corrupt("An entry has no metadata row.", this.#key);
      }
      if (decoded.kind === "chunk") {
        if (decoded.index !== this.#chunks.length) {
          throw corrupt("An entry's value has a chunk missing.", decoded.key);
        }
        this.#key = decoded.key;
        this.#chunks.push(row.value);
        this.#chunkBytes += row.value.length;
        continue;
      }
      const [first] = this.#chunks;
      if (first === undefined) {
        throw corrupt("An entry has no value chunk.", decoded.key);
      }
      assertEntryMetadata(row.value);
      entries.push({ key: decoded.key, value: this.#chunks.length === 1 ? first : concatBytes(...this.#chunks) });
      this.#key = undefined;
      this.#chunks = [];
      this.#chunkBytes = 0;
    }
    return entries;
  }

  end(): void {
    if (this.#key !== undefined) {
      throw corrupt("An entry has no metadata row.", this.#key);
    }
  }
}

function corrupt(message: string, key: Uint8Array): FormatError {
  return new FormatError("entry_corrupt", message, { key: toHex(key.subarray(0, 64)) });
}
