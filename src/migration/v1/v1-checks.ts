import { equalBytes } from "../../formats/bytes.ts";
import { FormatError } from "../../formats/format-error.ts";
import { decodeFileMetadata, decodeV1Key, FILE_TAG, V1_CHUNK_BYTES } from "../../formats/v1-file.ts";
import type { Entry } from "./entry-reader.ts";

/** Which of SQLite's sidecars have at least one chunk; metadata alone is a file of size zero and does not count. */
export interface Sidecars {
  readonly journal: boolean;
  readonly wal: boolean;
  readonly shm: boolean;
}

/** What to do about sidecars; see `MigrationOptions`. */
export interface SidecarPolicy {
  readonly journal: "reject" | "rollback";
  readonly sidecars: "reject" | "tolerate";
  readonly wal: "reject" | "apply";
}

/**
 * Whether the image has to be recovered from the main file and its sidecars, or is the main file.
 * @throws FormatError `journal_present`, `wal_present`, `shm_present`, the first that applies in this order.
 */
export function needsRecovery(sidecars: Sidecars, policy: SidecarPolicy): boolean {
  if (sidecars.journal && policy.journal === "reject") {
    throw new FormatError(
      "journal_present",
      "A rollback journal lies beside the database: SQLite crashed in a write transaction, and the main file may hold half of it.",
    );
  }
  if (sidecars.wal && policy.wal === "reject" && policy.sidecars === "reject") {
    throw new FormatError("wal_present", "A write-ahead log lies beside the database; it may hold committed changes.");
  }
  if (sidecars.shm && policy.sidecars === "reject") {
    throw new FormatError("shm_present", "A WAL index (SHM) lies beside the database, which v1 never writes.");
  }
  return sidecars.journal || sidecars.wal;
}

/**
 * The main file's size in bytes, from its metadata entry.
 * @throws FormatError `meta_missing`, `meta_invalid`, `meta_version_unsupported`, `too_large`.
 */
export function mainFileBytes(metadata: Entry | undefined, maxImageBytes: number): number {
  if (metadata === undefined) {
    throw new FormatError("meta_missing", "The actor has v1 data but no metadata of the main database file.");
  }
  const bytes = decodeFileMetadata(metadata.value);
  if (bytes > BigInt(maxImageBytes)) {
    throw new FormatError("too_large", "The database is larger than the configured limit.", {
      bytes: bytes.toString(),
      maxImageBytes,
    });
  }
  return Number(bytes);
}

/** What a missing chunk's page is given as; nobody writes to it. */
const ZEROS = new Uint8Array(V1_CHUNK_BYTES);

/** Is given pages, one after the other. */
export type TakePage = (page: Uint8Array) => void;

/**
 * Takes the main file's chunks in key order and gives its pages: indices 0 to ceil(size / 4096) - 1, each once. A chunk that is missing
 * gives zeros, and is in `missing`: whoever uses the pages asks whether SQLite ever wrote it (unwritten-pages.ts), and throws
 * `missingChunk` if it did, before any error that came after it.
 * @throws FormatError `chunk_unexpected`, `chunk_oversized` from `push`.
 */
export class ChunkSequence {
  readonly #missing: number[] = [];
  readonly #chunkCount: number;
  #next: number;
  readonly #end: number;

  /** Chunks `first` to `end`, excluded, of a file of `fileBytes`; by default all. */
  constructor(fileBytes: number, span: { first: number; end: number } = { first: 0, end: Number.MAX_SAFE_INTEGER }) {
    this.#chunkCount = Math.ceil(fileBytes / V1_CHUNK_BYTES);
    this.#next = span.first;
    this.#end = Math.min(span.end, this.#chunkCount);
  }

  /** Indices of chunks that are not there, rising: as many at most as the span has chunks. */
  get missing(): readonly number[] {
    return this.#missing;
  }

  /** Gives the page of one chunk, and before it those of the chunks that are not there: a view where the chunk fills it. */
  push(entry: Entry, take: TakePage): void {
    const key = decodeV1Key(entry.key);
    if (key.kind !== "chunk" || key.tag !== FILE_TAG.main || key.index >= this.#chunkCount) {
      throw new FormatError(
        "chunk_unexpected",
        "The database has a chunk past its size, or under a key of another form.",
        {
          key: Buffer.from(entry.key).toString("hex"),
          chunks: this.#chunkCount,
        },
      );
    }
    this.#skipTo(key.index, take);
    if (entry.value.length > V1_CHUNK_BYTES) {
      throw new FormatError("chunk_oversized", "A chunk of the database is longer than 4,096 bytes.", {
        index: key.index,
        bytes: entry.value.length,
      });
    }
    this.#next += 1;
    take(entry.value.length === V1_CHUNK_BYTES ? entry.value : padded(entry.value));
  }

  /** Gives the pages of the chunks that are not there behind the last one. */
  end(take: TakePage): void {
    this.#skipTo(this.#end, take);
  }

  /** What is thrown for a chunk that is in `missing` and was written. */
  missingChunk(index: number): FormatError {
    return new FormatError("chunk_missing", "A chunk of the database is missing.", {
      index,
      chunks: this.#chunkCount,
    });
  }

  #skipTo(index: number, take: TakePage): void {
    for (; this.#next < index; this.#next += 1) {
      this.#missing.push(this.#next);
      take(ZEROS);
    }
  }
}

function padded(chunk: Uint8Array): Uint8Array {
  const page = new Uint8Array(V1_CHUNK_BYTES);
  page.set(chunk);
  return page;
}

/** The entry with this key among entries in order, if it is there. */
export function findEntry(entries: readonly Entry[], key: Uint8Array): Entry | undefined {
  return entries.find((entry) => equalBytes(entry.key, key));
}
