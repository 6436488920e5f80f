import type { ActorId } from "../../formats/actor-id.ts";
import { actorKvSubspace } from "../../formats/actor-kv.ts";
import { FormatError } from "../../formats/format-error.ts";
import {
  decodeFileMetadata,
  decodeV1Key,
  fileMetadataKey,
  V1_CHUNK_BYTES,
  type FileTag,
} from "../../formats/v1-file.ts";
import { readRows } from "../../store/read-rows.ts";
import type { KeyValue, Store } from "../../store/store.ts";
import type { ByteSource } from "../recovery/byte-source.ts";
import { EntryReader } from "./entry-reader.ts";
import { findEntry } from "./v1-checks.ts";
import type { UnwrittenPages } from "./unwritten-pages.ts";
import { fileChunkSpan, fileMetadataRange } from "./v1-keys.ts";

/** What is known of a file beside where it lies: its size in bytes, and, of a main file, what tells which chunks need not be there. */
interface V1FileOptions {
  readonly size: number;
  readonly signal: AbortSignal;
  readonly unwritten?: UnwrittenPages;
}

/**
 * One of SQLite's files in v1 as bytes that can be read at any place. Its size is what its metadata says, as it is for SQLite; chunks
 * are asked for only where they are read, so that a journal's image can do without those it replaces. A chunk that is not there is
 * zeros where `unwritten` says that SQLite never wrote it; without that, none may be missing.
 */
export class V1FileSource implements ByteSource {
  readonly size: number;
  readonly #store: Store;
  readonly #id: ActorId;
  readonly #tag: FileTag;
  readonly #signal: AbortSignal;
  readonly #unwritten: UnwrittenPages | undefined;

  /** The file with this tag, or undefined where it has no metadata. @throws FormatError `entry_corrupt`, `meta_invalid`, … */
  static async open(store: Store, id: ActorId, tag: FileTag, signal: AbortSignal): Promise<V1FileSource | undefined> {
    const rows = await store.transact(async (tx) => readRows(tx, fileMetadataRange(id, tag), { limit: 8 }), {
      label: "read_v1",
      signal,
    });
    const metadata = metadataEntry(id, tag, rows);
    return metadata === undefined
      ? undefined
      : new V1FileSource(store, id, tag, { size: Number(decodeFileMetadata(metadata)), signal });
  }

  constructor(store: Store, id: ActorId, tag: FileTag, file: V1FileOptions) {
    this.#store = store;
    this.#id = id;
    this.#tag = tag;
    this.size = file.size;
    this.#signal = file.signal;
    this.#unwritten = file.unwritten;
  }

  /** @throws FormatError `chunk_missing`, `chunk_oversized`, `entry_corrupt` for what lies between. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    if (offset >= end) {
      return new Uint8Array(0);
    }
    const first = Math.floor(offset / V1_CHUNK_BYTES);
    const last = Math.ceil(end / V1_CHUNK_BYTES);
    const bytes = new Uint8Array((last - first) * V1_CHUNK_BYTES);
    // One transaction per mebibyte, like every reading of v1.
    for (let from = first; from < last; from += 256) {
      const to = Math.min(from + 256, last);
      for (const [index, chunk] of await this.#chunks(from, to)) {
        bytes.set(chunk, (index - first) * V1_CHUNK_BYTES);
      }
    }
    return bytes.subarray(offset - first * V1_CHUNK_BYTES, end - first * V1_CHUNK_BYTES);
  }

  async #chunks(from: number, to: number): Promise<[number, Uint8Array][]> {
    // No entry of right chunks has more than two rows; a longer one is seen as wrong before its end is needed.
    const limit = 4 * (to - from);
    const rows = await this.#store.transact(
      async (tx) => readRows(tx, fileChunkSpan(this.#id, this.#tag, from, to), { snapshot: true, limit }),
      { label: "read_v1", signal: this.#signal },
    );
    const reader = new EntryReader(actorKvSubspace(this.#id));
    const chunks: [number, Uint8Array][] = [];
    for (const { key, value } of reader.push(rows)) {
      const decoded = decodeV1Key(key);
      if (decoded.kind !== "chunk") {
        continue;
      }
      if (value.length > V1_CHUNK_BYTES) {
        throw new FormatError("chunk_oversized", "A chunk of the file is longer than 4,096 bytes.", {
          tag: this.#tag,
          index: decoded.index,
        });
      }
      chunks.push([decoded.index, value]);
    }
    reader.end();
    if (chunks.length < to - from) {
      // Among rows that are not v1's, some were not read: what is missing then may be there.
      await this.#assertNoneLost(missingOf(chunks, from, to), rows.length < limit ? this.#unwritten : undefined);
    }
    return chunks;
  }

  async #assertNoneLost(missing: readonly number[], unwritten: UnwrittenPages | undefined): Promise<void> {
    const lost = unwritten === undefined ? missing[0] : await unwritten.firstLost(missing);
    if (lost !== undefined) {
      throw new FormatError("chunk_missing", "A chunk of the file is missing.", { tag: this.#tag, index: lost });
    }
  }
}

function missingOf(chunks: readonly [number, Uint8Array][], from: number, to: number): number[] {
  const found = new Set(chunks.map(([index]) => index));
  return Array.from({ length: to - from }, (_, at) => from + at).filter((index) => !found.has(index));
}

function metadataEntry(id: ActorId, tag: FileTag, rows: readonly KeyValue[]): Uint8Array | undefined {
  const reader = new EntryReader(actorKvSubspace(id));
  const entries = reader.push(rows);
  reader.end();
  return findEntry(entries, fileMetadataKey(tag))?.value;
}
