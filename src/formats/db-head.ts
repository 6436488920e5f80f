import * as bare from "@bare-ts/lib";
import { newBytes, toHex } from "./bytes.ts";
import { FormatError } from "./format-error.ts";

/*
 * v2's head of a database, FORMATS §4: BARE, little-endian, fixed width.
 *
 *   schema_version u32 = 2 | generation u64 | head_txid u64 | next_txid u64 | materialized_txid u64 | db_size_pages u32
 *   page_size u32 = 4096 | shard_size u32 = 64 | creation_ts_ms i64 | sqlite_storage_used u64 | sqlite_max_storage u64
 *   origin enum                                                        73 bytes; 72 without the enum: legacy, native
 *
 * head_txid < next_txid, materialized_txid <= head_txid.
 */

export const DB_HEAD_BYTES = 73;
const LEGACY_BYTES = 72;
const CONFIG = bare.Config({});
const SCHEMA_VERSION = 2;
const PAGE_SIZE = 4096;
/** Pages in a SHARD row. */
export const SHARD_PAGES = 64;
/** v2's own quota: 10 GiB. */
export const MAX_STORAGE_BYTES = 10n * 1024n * 1024n * 1024n;

const ORIGINS = ["native", "migrated_from_v1", "migrating_from_v1"] as const;
/** Who made the database what it is. */
export type Origin = (typeof ORIGINS)[number];

export interface DbHead {
  readonly generation: bigint;
  readonly headTxid: bigint;
  readonly nextTxid: bigint;
  readonly materializedTxid: bigint;
  readonly dbSizePages: number;
  readonly creationTsMs: bigint;
  readonly storageUsedBytes: bigint;
  readonly maxStorageBytes: bigint;
  readonly origin: Origin;
}

/** A head as the engine makes it for a new database. */
export function newDbHead(origin: Origin, creationTsMs: bigint): DbHead {
  return {
    generation: 1n,
    headTxid: 0n,
    nextTxid: 1n,
    materializedTxid: 0n,
    dbSizePages: 0,
    creationTsMs,
    storageUsedBytes: 0n,
    maxStorageBytes: MAX_STORAGE_BYTES,
    origin,
  };
}

/** A stage is in progress when a txid was handed out that is not the head yet. */
export function isStageInProgress(head: DbHead): boolean {
  return head.nextTxid > head.headTxid + 1n;
}

export function encodeDbHead(head: DbHead): Uint8Array {
  const cursor = new bare.ByteCursor(newBytes(DB_HEAD_BYTES), CONFIG);
  bare.writeU32(cursor, SCHEMA_VERSION);
  bare.writeU64(cursor, head.generation);
  bare.writeU64(cursor, head.headTxid);
  bare.writeU64(cursor, head.nextTxid);
  bare.writeU64(cursor, head.materializedTxid);
  bare.writeU32(cursor, head.dbSizePages);
  bare.writeU32(cursor, PAGE_SIZE);
  bare.writeU32(cursor, SHARD_PAGES);
  bare.writeI64(cursor, head.creationTsMs);
  bare.writeU64(cursor, head.storageUsedBytes);
  bare.writeU64(cursor, head.maxStorageBytes);
  bare.writeU8(cursor, ORIGINS.indexOf(head.origin));
  return cursor.bytes;
}

/** @throws FormatError `v2_meta_undecodable` for anything that is not exactly a head: refuse it, never overwrite it. */
export function decodeDbHead(bytes: Uint8Array): DbHead {
  if (bytes.length !== DB_HEAD_BYTES && bytes.length !== LEGACY_BYTES) {
    throw undecodable("it is neither 73 nor 72 bytes long", bytes);
  }
  const cursor = new bare.ByteCursor(bytes, CONFIG);
  if (bare.readU32(cursor) !== SCHEMA_VERSION) {
    throw undecodable("its schema version is not 2", bytes);
  }
  const generation = bare.readU64(cursor);
  const headTxid = bare.readU64(cursor);
  const nextTxid = bare.readU64(cursor);
  const materializedTxid = bare.readU64(cursor);
  if (headTxid >= nextTxid || materializedTxid > headTxid) {
    throw undecodable("its txids contradict one another", bytes);
  }
  const dbSizePages = bare.readU32(cursor);
  if (bare.readU32(cursor) !== PAGE_SIZE || bare.readU32(cursor) !== SHARD_PAGES) {
    throw undecodable("its pages are not of 4,096 bytes or its shards not of 64 pages", bytes);
  }
  const creationTsMs = bare.readI64(cursor);
  const storageUsedBytes = bare.readU64(cursor);
  const maxStorageBytes = bare.readU64(cursor);
  const origin = bytes.length === LEGACY_BYTES ? "native" : ORIGINS[bare.readU8(cursor)];
  if (origin === undefined) {
    throw undecodable("its origin is none of the three known", bytes);
  }
  return {
    generation,
    headTxid,
    nextTxid,
    materializedTxid,
    dbSizePages,
    creationTsMs,
    storageUsedBytes,
    maxStorageBytes,
    origin,
  };
}

function undecodable(why: string, bytes: Uint8Array): FormatError {
  return new FormatError("v2_meta_undecodable", `The actor's v2 META row cannot be read: ${why}.`, {
    bytes: toHex(bytes.subarray(0, 100)),
  });
}
