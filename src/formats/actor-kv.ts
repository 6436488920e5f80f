import * as bare from "@bare-ts/lib";
import { ACTOR_ID_BYTES, decodeActorId, type ActorId } from "./actor-id.ts";
import { concatBytes, newBytes, plainBytes, startsWith, toHex } from "./bytes.ts";
import { FormatError } from "./format-error.ts";
import { KEYWORD, packActorId, packTuple } from "./tuple.ts";

/*
 * The actor's key-value space, FORMATS §3. An entry with key K is several adjacent rows:
 *
 *   subspace | K' | pack(DATA, i)     chunk i of the value, at most 10,000 bytes
 *   subspace | K' | pack(METADATA)    BARE { version: data, updateTs: i64 }
 *
 *   subspace = pack(RIVET, PEGBOARD, ACTOR_KV, id)
 *   K'       = 05 | 01 | K with 00 as 00 ff | 00 | 00     (a nested tuple of one byte string)
 */

export const VALUE_CHUNK_BYTES = 10_000;

const I64_BYTES = 8;
const NESTED = 0x05;
const BYTE_STRING = 0x01;
const ALL_ACTORS = packTuple(KEYWORD.RIVET, KEYWORD.PEGBOARD, KEYWORD.ACTOR_KV);
const METADATA_SUFFIX = packTuple(KEYWORD.METADATA);
const DATA_PREFIX = packTuple(KEYWORD.DATA);

/** What all keys of all actors' key-value spaces start with. */
export const ACTOR_KV_ROOT = concatBytes(ALL_ACTORS, new Uint8Array([0x40]));

/** Length of every actor's `actorKvSubspace`. */
export const ACTOR_KV_SUBSPACE_BYTES = ACTOR_KV_ROOT.length + ACTOR_ID_BYTES;

/** What all keys of one actor's key-value space start with. */
export function actorKvSubspace(id: ActorId): Uint8Array {
  return concatBytes(ALL_ACTORS, packActorId(id));
}

/** The actor a key under `ACTOR_KV_ROOT` belongs to. @throws FormatError `actor_id_invalid` */
export function actorOfKvKey(key: Uint8Array): ActorId {
  return decodeActorId(key.subarray(ACTOR_KV_ROOT.length, ACTOR_KV_ROOT.length + ACTOR_ID_BYTES));
}

/** What the rows of all entries start with whose key K starts with `prefix`. */
export function entryKeyPrefix(subspace: Uint8Array, prefix: Uint8Array): Uint8Array {
  return concatBytes(subspace, new Uint8Array([NESTED, BYTE_STRING]), escapeZeros(prefix));
}

/** What the rows of the entry with key K start with: the subspace and K'. */
export function entryKey(subspace: Uint8Array, key: Uint8Array): Uint8Array {
  return concatBytes(entryKeyPrefix(subspace, key), new Uint8Array([0, 0]));
}

export function metadataRowKey(subspace: Uint8Array, key: Uint8Array): Uint8Array {
  return concatBytes(entryKey(subspace, key), METADATA_SUFFIX);
}

export function chunkRowKey(subspace: Uint8Array, key: Uint8Array, index: number): Uint8Array {
  return concatBytes(entryKey(subspace, key), packTuple(KEYWORD.DATA, index));
}

/** One row of an entry, by its key: K, and which of the entry's rows it is. */
export type EntryRow =
  | { readonly kind: "metadata"; readonly key: Uint8Array }
  | { readonly kind: "chunk"; readonly key: Uint8Array; readonly index: number };

/**
 * Takes a row's key apart.
 * @throws FormatError `entry_corrupt` when it is not a key of an entry's row.
 */
export function decodeRowKey(subspace: Uint8Array, rowKey: Uint8Array): EntryRow {
  const end = entryKeyEnd(subspace, rowKey);
  const index = chunkIndexOf(rowKey, end);
  const key = entryKeyOf(subspace, rowKey, end);
  return index === undefined ? { kind: "metadata", key } : { kind: "chunk", key, index };
}

/*
 * The same in parts, for a large image has two rows for each page. Rows that begin with the same bytes up to where K' ends are of one
 * entry.
 */

/** Where K' ends in a row's key. @throws FormatError `entry_corrupt` */
export function entryKeyEnd(subspace: Uint8Array, rowKey: Uint8Array): number {
  const begin = subspace.length + 2;
  if (!startsWith(rowKey, subspace) || rowKey[begin - 2] !== NESTED || rowKey[begin - 1] !== BYTE_STRING) {
    throw corrupt("A row of the actor's key-value space has a key of another form.", rowKey);
  }
  for (let offset = begin; offset < rowKey.length; offset += 1) {
    if (rowKey[offset] === 0) {
      offset += 1;
      if (rowKey[offset] === 0) {
        return offset + 1;
      }
      if (offset < rowKey.length && rowKey[offset] !== 0xff) {
        throw corrupt("A row's key holds more than its entry's key.", rowKey);
      }
    }
  }
  throw corrupt("A row's key ends inside its entry's key.", rowKey);
}

/** The chunk that a row is by what follows K' in its key; undefined for the metadata row. @throws FormatError `entry_corrupt` */
export function chunkIndexOf(rowKey: Uint8Array, end: number): number | undefined {
  if (rowKey.length === end + METADATA_SUFFIX.length && startsWith(rowKey, METADATA_SUFFIX, end)) {
    return undefined;
  }
  const index = startsWith(rowKey, DATA_PREFIX, end) ? decodeTupleInteger(rowKey, end + DATA_PREFIX.length) : undefined;
  if (index === undefined) {
    throw corrupt("A row's key ends in neither a metadata mark nor a chunk index.", rowKey);
  }
  return index;
}

/** K out of a row's key in which K' ends at `end`. */
export function entryKeyOf(subspace: Uint8Array, rowKey: Uint8Array, end: number): Uint8Array {
  const begin = subspace.length + 2;
  const zerosEnd = end - 2;
  let length = 0;
  for (let offset = begin; offset < zerosEnd; offset += rowKey[offset] === 0 ? 2 : 1) {
    length += 1;
  }
  const key = newBytes(length);
  for (let offset = begin, index = 0; index < length; offset += rowKey[offset] === 0 ? 2 : 1, index += 1) {
    key[index] = rowKey[offset] ?? 0;
  }
  return key;
}

/** An entry's metadata: the version of the process that wrote it (text, as bytes) and when, in ms since the epoch. */
export interface EntryMetadata {
  readonly version: Uint8Array;
  readonly updateTs: bigint;
}

export function encodeEntryMetadata(metadata: EntryMetadata): Uint8Array {
  const cursor = new bare.ByteCursor(new Uint8Array(metadata.version.length + 18), bare.Config({}));
  bare.writeU8Array(cursor, metadata.version);
  bare.writeI64(cursor, metadata.updateTs);
  return cursor.bytes.slice(0, cursor.offset);
}

/** As `decodeEntryMetadata`, whose values nobody wants: a large image has one for each page. @throws FormatError `entry_corrupt` */
export function assertEntryMetadata(bytes: Uint8Array): void {
  const versionBytes = bytes[0];
  const isUsual = versionBytes !== undefined && versionBytes < 0x80 && bytes.length === 1 + versionBytes + I64_BYTES;
  if (!isUsual) {
    decodeEntryMetadata(bytes);
  }
}

/** @throws FormatError `entry_corrupt` */
export function decodeEntryMetadata(bytes: Uint8Array): EntryMetadata {
  try {
    const cursor = new bare.ByteCursor(plainBytes(bytes), bare.Config({}));
    const version = bare.readU8Array(cursor);
    const updateTs = bare.readI64(cursor);
    if (cursor.offset === bytes.length) {
      return { version, updateTs };
    }
  } catch (error) {
    if (!(error instanceof bare.BareError)) {
      throw error;
    }
  }
  throw corrupt("An entry's metadata row is not BARE { version: data, updateTs: i64 }.", bytes);
}

/** A tuple's non-negative integer below 2^32 at the end of a key, or undefined. */
function decodeTupleInteger(bytes: Uint8Array, offset: number): number | undefined {
  const size = (bytes[offset] ?? 0) - 0x14;
  if (size < 0 || size > 4 || bytes.length !== offset + size + 1 || (size > 0 && bytes[offset + 1] === 0)) {
    return undefined;
  }
  let value = 0;
  for (let index = offset + 1; index < bytes.length; index += 1) {
    value = value * 256 + (bytes[index] ?? 0);
  }
  return value;
}

function escapeZeros(bytes: Uint8Array): Uint8Array {
  const escaped: number[] = [];
  for (const byte of bytes) {
    escaped.push(byte);
    if (byte === 0) {
      escaped.push(0xff);
    }
  }
  return Uint8Array.from(escaped);
}

function corrupt(message: string, bytes: Uint8Array): FormatError {
  return new FormatError("entry_corrupt", message, { bytes: toHex(bytes.subarray(0, 100)) });
}
