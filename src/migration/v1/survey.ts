import type { ActorId } from "../../formats/actor-id.ts";
import { actorKvSubspace } from "../../formats/actor-kv.ts";
import { decodeFileMetadata, FILE_TAG, fileMetadataKey, type FileTag } from "../../formats/v1-file.ts";
import { hasRows, readRows } from "../../store/read-rows.ts";
import type { KeyRange, KeyValue, Transaction } from "../../store/store.ts";
import { sameRows } from "../rows.ts";
import { EntryReader, type Entry } from "./entry-reader.ts";
import { findEntry, type Sidecars } from "./v1-checks.ts";
import { fileChunksRange, fileChunkSpan, fileMetadataRange, isFileChunk, isFileMetadata, v1Range } from "./v1-keys.ts";

/** Room beside the image itself in a small actor's rows: keys, metadata rows, empty sidecars. */
const SLACK_BYTES = 256 * 1024;

/**
 * What one transaction sees of an actor's v1 data.
 * - `none`: no key of SQLite's v1 storage.
 * - `rows`: everything, because it is small.
 * - `large`: what lies around the main file's chunks.
 */
export type V1Survey =
  | { readonly kind: "none" }
  | { readonly kind: "rows"; readonly rows: readonly KeyValue[] }
  | { readonly kind: "large"; readonly sidecars: Sidecars; readonly metadataRows: readonly KeyValue[] };

/** Reads an actor's v1 data, serializably: all of it up to about `smallBytes`, else only its outline. */
export async function surveyV1(tx: Transaction, id: ActorId, smallBytes: number): Promise<V1Survey> {
  const rows: KeyValue[] = [];
  let bytes = 0;
  for await (const batch of tx.getRange(v1Range(id))) {
    for (const row of batch) {
      rows.push(row);
      bytes += row.key.length + row.value.length;
    }
    const first = rows[0];
    const largeByMetadata =
      first !== undefined && isFileMetadata(first.key, FILE_TAG.main) && saysLarge(first.value, smallBytes);
    if (largeByMetadata || bytes > 2 * smallBytes + SLACK_BYTES) {
      return await outline(tx, id);
    }
  }
  return rows.length === 0 ? { kind: "none" } : { kind: "rows", rows };
}

/** Sorts all v1 rows of a small actor: which sidecars have chunks, the main file's metadata rows, and its chunk rows. */
export function outlineOfRows(rows: readonly KeyValue[]): {
  sidecars: Sidecars;
  metadataRows: KeyValue[];
  chunkRows: KeyValue[];
} {
  const has = (tag: FileTag): boolean => rows.some(({ key }) => isFileChunk(key, tag));
  return {
    sidecars: { journal: has(FILE_TAG.journal), wal: has(FILE_TAG.wal), shm: has(FILE_TAG.shm) },
    metadataRows: rows.filter(({ key }) => isFileMetadata(key, FILE_TAG.main)),
    chunkRows: rows.filter(({ key }) => isFileChunk(key, FILE_TAG.main)),
  };
}

/** The main file's metadata entry from its rows. @throws FormatError `entry_corrupt` */
export function mainMetadata(id: ActorId, metadataRows: readonly KeyValue[]): Entry | undefined {
  const reader = new EntryReader(actorKvSubspace(id));
  const entries = reader.push(metadataRows);
  reader.end();
  return findEntry(entries, fileMetadataKey(FILE_TAG.main));
}

/** What the next commit of whoever writes v1 changes, even where no row about the actor says that somebody does. Fits any transaction. */
export interface V1Marks {
  /** Page 1, where SQLite counts: the first commit of whoever opened the database changes it. */
  readonly firstChunkRows: readonly KeyValue[];
  /**
   * Metadata and first chunk of the journal and the log, with their headers: beside a hot journal page 1 is half of a transaction, and
   * one who rolls it back and commits something else can come to the same one.
   */
  readonly sidecarRows: readonly KeyValue[];
}

/** Rows of an entry of v1's: its metadata and one chunk or two. */
const ENTRY_ROWS = 8;

/** Serializably. */
export async function readV1Marks(tx: Transaction, id: ActorId): Promise<V1Marks> {
  const first = async (range: KeyRange): Promise<KeyValue[]> => readRows(tx, range, { limit: ENTRY_ROWS });
  const [firstChunkRows, ...sidecars] = await Promise.all([
    first(fileChunkSpan(id, FILE_TAG.main, 0, 1)),
    ...[FILE_TAG.journal, FILE_TAG.wal].flatMap((tag) => [
      first(fileMetadataRange(id, tag)),
      first(fileChunkSpan(id, tag, 0, 1)),
    ]),
  ]);
  return { firstChunkRows, sidecarRows: sidecars.flat() };
}

export function sameV1Marks(before: V1Marks, now: V1Marks): boolean {
  return sameRows(before.firstChunkRows, now.firstChunkRows) && sameRows(before.sidecarRows, now.sidecarRows);
}

async function outline(tx: Transaction, id: ActorId): Promise<V1Survey> {
  const exists = async (tag: FileTag): Promise<boolean> => hasRows(tx, fileChunksRange(id, tag));
  const [journal, wal, shm, metadataRows] = await Promise.all([
    exists(FILE_TAG.journal),
    exists(FILE_TAG.wal),
    exists(FILE_TAG.shm),
    readRows(tx, fileMetadataRange(id, FILE_TAG.main), { limit: ENTRY_ROWS }),
  ]);
  return { kind: "large", sidecars: { journal, wal, shm }, metadataRows };
}

function saysLarge(value: Uint8Array, smallBytes: number): boolean {
  try {
    return decodeFileMetadata(value) > BigInt(smallBytes);
  } catch {
    // An unreadable size is no size; the checks that follow name what is wrong with it.
    return false;
  }
}
