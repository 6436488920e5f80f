import { concatBytes, startsWith, toHex } from "../../formats/bytes.ts";
import { assertEntryMetadata, chunkIndexOf, entryKeyEnd, entryKeyOf } from "../../formats/actor-kv.ts";
import { FormatError } from "../../formats/format-error.ts";
import type { KeyValue } from "../../store/store.ts";

/** An entry of the actor's key-value space, put together from its rows. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** An entry of which some rows have come. */
interface Pending {
  readonly key: Uint8Array;
  /** The first of its rows' keys, and where the entry's key ends in them all. */
  readonly rowKey: Uint8Array;
  readonly keyEnd: number;
  readonly chunks: Uint8Array[];
  bytes: number;
}

/**
 * Puts entries together from rows in key order: `push` rows and get the entries they complete, `end` for the last.
 * An entry has value chunks 0, 1, 2 … and then its metadata row, which must be one; anything else is corrupt.
 * @throws FormatError `entry_corrupt` with the entry's key.
 */
export class EntryReader {
  readonly #subspace: Uint8Array;
  #pending: Pending | undefined;

  constructor(subspace: Uint8Array) {
    this.#subspace = subspace;
  }

  /** Bytes of the value of the entry that is not complete yet. */
  get pendingBytes(): number {
    return this.#pending?.bytes ?? 0;
  }

  push(rows: readonly KeyValue[]): Entry[] {
    const entries: Entry[] = [];
    for (const { key: rowKey, value } of rows) {
      const pending = this.#pending;
      if (pending !== undefined && !startsWith(rowKey, pending.rowKey, 0, pending.keyEnd)) {
        throw corrupt("An entry has no metadata row.", pending.key);
      }
      const keyEnd = pending?.keyEnd ?? entryKeyEnd(this.#subspace, rowKey);
      const index = chunkIndexOf(rowKey, keyEnd);
      if (index !== undefined && index !== (pending?.chunks.length ?? 0)) {
        throw corrupt("An entry's value has a chunk missing.", entryKeyOf(this.#subspace, rowKey, keyEnd));
      }
      if (pending === undefined) {
        const key = entryKeyOf(this.#subspace, rowKey, keyEnd);
        if (index === undefined) {
          throw corrupt("An entry has no value chunk.", key);
        }
        this.#pending = { key, rowKey, keyEnd, chunks: [value], bytes: value.length };
      } else if (index !== undefined) {
        pending.chunks.push(value);
        pending.bytes += value.length;
      } else {
        assertEntryMetadata(value);
        entries.push({ key: pending.key, value: joined(pending.chunks) });
        this.#pending = undefined;
      }
    }
    return entries;
  }

  end(): void {
    if (this.#pending !== undefined) {
      throw corrupt("An entry has no metadata row.", this.#pending.key);
    }
  }
}

/** The value itself where it is in one chunk, as a page is. */
function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : concatBytes(...chunks);
}

function corrupt(message: string, key: Uint8Array): FormatError {
  return new FormatError("entry_corrupt", message, { key: toHex(key.subarray(0, 64)) });
}
