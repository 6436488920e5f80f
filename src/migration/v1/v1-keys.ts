import type { ActorId } from "../../formats/actor-id.ts";
import { ACTOR_KV_SUBSPACE_BYTES, actorKvSubspace, entryKey, entryKeyPrefix } from "../../formats/actor-kv.ts";
import { compareBytes, concatBytes, prefixRange, startsWith, u32be } from "../../formats/bytes.ts";
import { FILE_TAG, fileChunkPrefix, fileMetadataKey, V1_PREFIX, type FileTag } from "../../formats/v1-file.ts";
import type { KeyRange } from "../../store/store.ts";

/*
 * What follows an actor's subspace is the same for every actor, and so is made once. Making it, with escapes and ends of prefixes, costs
 * more than the rest of a key, and a small actor asks for ten of them.
 */
const NO_SUBSPACE = new Uint8Array(0);
const V1_ROWS = prefixRange(entryKeyPrefix(NO_SUBSPACE, V1_PREFIX));
const TAGS = Object.values(FILE_TAG);
const METADATA_ROWS = rangesOfTags((tag) => entryKey(NO_SUBSPACE, fileMetadataKey(tag)));
const CHUNK_ROWS = rangesOfTags((tag) => entryKeyPrefix(NO_SUBSPACE, fileChunkPrefix(tag)));

const OTHER_ROWS = between([...Object.values(METADATA_ROWS), ...Object.values(CHUNK_ROWS)], V1_ROWS);

function rangesOfTags(prefixOf: (tag: FileTag) => Uint8Array): Record<FileTag, KeyRange> {
  return Object.fromEntries(TAGS.map((tag) => [tag, prefixRange(prefixOf(tag))])) as Record<FileTag, KeyRange>;
}

/** What is left of a range besides these, which lie in it. */
function between(ranges: readonly KeyRange[], { begin, end }: KeyRange): KeyRange[] {
  const sorted = ranges.toSorted((a, b) => compareBytes(a.begin, b.begin));
  const begins = [begin, ...sorted.map((range) => range.end)];
  return [...sorted.map((range) => range.begin), end].flatMap((to, index) => {
    const from = begins[index] ?? end;
    return compareBytes(from, to) < 0 ? [{ begin: from, end: to }] : [];
  });
}

function ofActor(id: ActorId, { begin, end }: KeyRange): KeyRange {
  const subspace = actorKvSubspace(id);
  return { begin: concatBytes(subspace, begin), end: concatBytes(subspace, end) };
}

/** All rows of an actor's SQLite v1 storage. */
export function v1Range(id: ActorId): KeyRange {
  return ofActor(id, V1_ROWS);
}

/** Where rows of an actor's SQLite v1 storage lie that are of none of its files: of layouts that Ferry does not know. */
export function otherRanges(id: ActorId): KeyRange[] {
  return OTHER_ROWS.map((range) => ofActor(id, range));
}

/** The rows of a file's metadata entry. */
export function fileMetadataRange(id: ActorId, tag: FileTag): KeyRange {
  return ofActor(id, METADATA_ROWS[tag]);
}

/** The rows of all chunks of a file. */
export function fileChunksRange(id: ActorId, tag: FileTag): KeyRange {
  return ofActor(id, CHUNK_ROWS[tag]);
}

/** Whether a row of some actor's `v1Range` is one of a file's metadata entry. */
export function isFileMetadata(key: Uint8Array, tag: FileTag): boolean {
  return startsWith(key, METADATA_ROWS[tag].begin, ACTOR_KV_SUBSPACE_BYTES);
}

/** Whether a row of some actor's `v1Range` is one of a file's chunks. */
export function isFileChunk(key: Uint8Array, tag: FileTag): boolean {
  return startsWith(key, CHUNK_ROWS[tag].begin, ACTOR_KV_SUBSPACE_BYTES);
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
