import type { ActorId } from "../../formats/actor-id.ts";
import { actorKvSubspace, entryKey, entryKeyPrefix } from "../../formats/actor-kv.ts";
import { concatBytes, prefixRange, u32be } from "../../formats/bytes.ts";
import { fileChunkPrefix, fileMetadataKey, V1_PREFIX, type FileTag } from "../../formats/v1-file.ts";
import type { KeyRange } from "../../store/store.ts";

/** All rows of an actor's SQLite v1 storage. */
export function v1Range(id: ActorId): KeyRange {
  return prefixRange(entryKeyPrefix(actorKvSubspace(id), V1_PREFIX));
}

/** The rows of a file's metadata entry. */
export function fileMetadataRange(id: ActorId, tag: FileTag): KeyRange {
  return prefixRange(entryKey(actorKvSubspace(id), fileMetadataKey(tag)));
}

/** The rows of all chunks of a file. */
export function fileChunksRange(id: ActorId, tag: FileTag): KeyRange {
  return prefixRange(entryKeyPrefix(actorKvSubspace(id), fileChunkPrefix(tag)));
}

/**
 * The rows of a file's chunks `first` to `end`, excluded. From 0 it takes what sorts before the first chunk with it, and an `end`
 * past 2^32 all that follows the last, so that keys of another form are seen and not stepped over.
 */
export function fileChunkSpan(id: ActorId, tag: FileTag, first: number, end: number): KeyRange {
  const subspace = actorKvSubspace(id);
  const at = (index: number): Uint8Array => entryKeyPrefix(subspace, concatBytes(fileChunkPrefix(tag), u32be(index)));
  const whole = fileChunksRange(id, tag);
  return { begin: first === 0 ? whole.begin : at(first), end: end > 0xffff_ffff ? whole.end : at(end) };
}
