import { concatBytes, u32At, u32be, viewOf } from "./bytes.ts";
import { FormatError } from "./format-error.ts";

/*
 * SQLite's files as v1's VFS stores them in the actor's key-value space, FORMATS §3.
 *
 *   08 01 00 tag                  file metadata: version u16 LE (= 1), size u64 LE     10 bytes
 *   08 01 01 tag | index u32 BE   bytes [4096 index, 4096 index + 4096) of the file
 */

export const V1_CHUNK_BYTES = 4096;
const FILE_METADATA_BYTES = 10;
const FILE_METADATA_VERSION = 1;

/** Every key of SQLite's v1 storage starts with this; an actor "has v1 data" when it has such a key. */
export const V1_PREFIX = new Uint8Array([0x08]);
const SCHEME = 1;

/** SQLite's files, by the tag in their keys. */
export const FILE_TAG = { main: 0, journal: 1, wal: 2, shm: 3 } as const;
export type FileTag = (typeof FILE_TAG)[keyof typeof FILE_TAG];

export function fileMetadataKey(tag: FileTag): Uint8Array {
  return new Uint8Array([0x08, SCHEME, 0, tag]);
}

/** What the keys of all chunks of a file start with. */
export function fileChunkPrefix(tag: FileTag): Uint8Array {
  return new Uint8Array([0x08, SCHEME, 1, tag]);
}

export function fileChunkKey(tag: FileTag, index: number): Uint8Array {
  return concatBytes(fileChunkPrefix(tag), u32be(index));
}

/** A key of SQLite's v1 storage, taken apart; `other` starts with 08 and is none that the VFS writes. */
export type V1Key =
  | { readonly kind: "metadata"; readonly tag: number }
  | { readonly kind: "chunk"; readonly tag: number; readonly index: number }
  | { readonly kind: "other" };

export function decodeV1Key(key: Uint8Array): V1Key {
  const tag = key[3];
  if (key[0] === V1_PREFIX[0] && key[1] === SCHEME && tag !== undefined) {
    if (key[2] === 0 && key.length === 4) {
      return { kind: "metadata", tag };
    }
    if (key[2] === 1 && key.length === 8) {
      return { kind: "chunk", tag, index: u32At(key, 4) };
    }
  }
  return { kind: "other" };
}

/** File metadata: the file's size in bytes. */
export function encodeFileMetadata(sizeBytes: bigint): Uint8Array {
  const bytes = new Uint8Array(FILE_METADATA_BYTES);
  viewOf(bytes).setUint16(0, FILE_METADATA_VERSION, true);
  viewOf(bytes).setBigUint64(2, sizeBytes, true);
  return bytes;
}

/**
 * @returns the file's size in bytes.
 * @throws FormatError `meta_invalid` (not 10 bytes), `meta_version_unsupported` (version other than 1).
 */
export function decodeFileMetadata(bytes: Uint8Array): bigint {
  if (bytes.length !== FILE_METADATA_BYTES) {
    throw new FormatError("meta_invalid", "The file's metadata is not 10 bytes long.", { bytes: bytes.length });
  }
  const version = viewOf(bytes).getUint16(0, true);
  if (version !== FILE_METADATA_VERSION) {
    throw new FormatError("meta_version_unsupported", "The file's metadata is of a version other than 1.", { version });
  }
  return viewOf(bytes).getBigUint64(2, true);
}
