import { actorKvSubspace, decodeRowKey } from "../../formats/actor-kv.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import { assertFormatError } from "../../formats/format-error.ts";
import { decodeFileMetadata, FILE_TAG, V1_CHUNK_BYTES, type FileTag } from "../../formats/v1-file.ts";
import type { Rows } from "../../migration/rows.ts";
import { fileChunksRange, fileMetadataRange, v1Range } from "../../migration/v1/v1-keys.ts";
import { hasRows } from "../../store/read-rows.ts";
import type { KeyRange } from "../../store/store.ts";

/** What v1 holds of one file: its size by its metadata (or why that cannot be read), and its chunks. */
export interface V1FileInspection {
  readonly bytes: number | string;
  readonly chunks: number;
  /** By its size; absent where that cannot be read. */
  readonly expectedChunks?: number;
}

/** The files that v1 holds of an actor, by name: `main`, `journal`, `wal`, `shm`. Empty without any. */
export type V1Inspection = Readonly<Partial<Record<keyof typeof FILE_TAG, V1FileInspection>>>;

/** Reads all of an actor's v1 rows once, in bounded memory; undefined when there are none. */
export async function inspectV1(rows: Rows, id: ActorId): Promise<V1Inspection | undefined> {
  const files: Partial<Record<keyof typeof FILE_TAG, V1FileInspection>> = {};
  for (const [name, tag] of Object.entries(FILE_TAG) as [keyof typeof FILE_TAG, FileTag][]) {
    const size = await readSize(rows, id, tag);
    const chunks = await countChunks(rows, id, fileChunksRange(id, tag));
    if (size !== undefined || chunks > 0) {
      files[name] = {
        bytes: size ?? "no metadata",
        chunks,
        ...(typeof size === "number" ? { expectedChunks: Math.ceil(size / V1_CHUNK_BYTES) } : {}),
      };
    }
  }
  return Object.keys(files).length > 0 || (await hasRows(rows, v1Range(id))) ? files : undefined;
}

async function readSize(rows: Rows, id: ActorId, tag: FileTag): Promise<number | string | undefined> {
  for await (const batch of rows.getRange(fileMetadataRange(id, tag))) {
    const first = batch[0];
    if (first !== undefined) {
      try {
        return Number(decodeFileMetadata(first.value));
      } catch (error) {
        assertFormatError(error);
        return error.message;
      }
    }
  }
  return undefined;
}

/** Entries, not rows: each has a metadata row, and one row per 10,000 bytes. */
async function countChunks(rows: Rows, id: ActorId, range: KeyRange): Promise<number> {
  const subspace = actorKvSubspace(id);
  let chunks = 0;
  for await (const batch of rows.getRange(range)) {
    chunks += batch.filter((row) => isFirstChunk(subspace, row.key)).length;
  }
  return chunks;
}

function isFirstChunk(subspace: Uint8Array, key: Uint8Array): boolean {
  try {
    const row = decodeRowKey(subspace, key);
    return row.kind === "chunk" && row.index === 0;
  } catch (error) {
    assertFormatError(error);
    return false;
  }
}
