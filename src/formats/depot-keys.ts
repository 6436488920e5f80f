import type { ActorId } from "./actor-id.ts";
import { ASCII, asciiBytes, concatBytes, newBytes, u32be, u64be, viewOf } from "./bytes.ts";

/*
 * Depot's keys, DEPOT §1.2: raw bytes at the root of the keyspace, the first 0x02, the second a partition; no tuple wrapping.
 * `/` is the only separator, uuids are 16 raw bytes, integers are big-endian. K numbers are those of DEPOT.
 */

const SUBSPACE = 0x02;
const PARTITION = {
  databasePointer: 0x10,
  bucketPointer: 0x11,
  catalog: 0x12,
  branch: 0x20,
  bucketBranch: 0x21,
  rows: 0x30,
  databasePins: 0x70,
  bucketChildren: 0x72,
  catalogByDatabase: 0x73,
  proofEpoch: 0x74,
  dirty: 0x75,
} as const;

/** Where rows lie that every Depot database has: pointers, branches and their rows. To see whether a cluster holds any. */
export const DEPOT_RANGE = {
  begin: Uint8Array.of(SUBSPACE, PARTITION.databasePointer),
  end: Uint8Array.of(SUBSPACE, PARTITION.rows + 1),
};

const HEAD = "/META/head";
const REFCOUNT = ASCII.encode("/refcount");
const SLASH = ASCII.encode("/");

/** Texts are ASCII. Put together in place: a small actor takes thirty such keys. */
function key(partition: number, ...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const bytes = newBytes(parts.reduce((length, part) => length + part.length, 2));
  bytes[0] = SUBSPACE;
  bytes[1] = partition;
  let offset = 2;
  for (const part of parts) {
    if (typeof part === "string") {
      for (let index = 0; index < part.length; index += 1) {
        bytes[offset + index] = part.charCodeAt(index);
      }
    } else {
      bytes.set(part, offset);
    }
    offset += part.length;
  }
  return bytes;
}

/** K1: which branch a bucket is on. */
export function bucketPointerKey(bucket: Uint8Array): Uint8Array {
  return key(PARTITION.bucketPointer, "/", bucket, "/cur");
}

/** K2, and the prefix of K3 and K4. */
export function bucketBranchKey(bucketBranch: Uint8Array): Uint8Array {
  return key(PARTITION.bucketBranch, "/list/", bucketBranch);
}

/** K3 and K7: how many refer to a branch; `record` is K2 or K6. */
export function refcountKey(record: Uint8Array): Uint8Array {
  return concatBytes(record, REFCOUNT);
}

/** K4: present when the database was deleted in this bucket branch. */
export function databaseTombstoneKey(bucketBranch: Uint8Array, database: ActorId): Uint8Array {
  return key(PARTITION.bucketBranch, "/list/", bucketBranch, "/database_tombstones/", database);
}

/** K5: which branch a database is on. Setting it is the switch. */
export function databasePointerKey(bucketBranch: Uint8Array, database: ActorId): Uint8Array {
  return key(PARTITION.databasePointer, "/", bucketBranch, "/", database, "/cur");
}

/** K6, and the prefix of K7 and K8. */
export function branchKey(branch: Uint8Array): Uint8Array {
  return key(PARTITION.branch, "/list/", branch);
}

/** K8: present when something that was forked off, or can be restored, depends on the branch. */
export function branchPinKeys(branch: Uint8Array): Uint8Array[] {
  return ["/desc_pin", "/restore_point_pin"].map((pin) => key(PARTITION.branch, "/list/", branch, pin));
}

/**
 * What the keys of buckets that were forked off one start with, also of those that a rollback went on with; next in such a key is the
 * versionstamp of the moment, so they lie in the order of those (the engine's `bucket_child_key`).
 */
export function bucketChildrenPrefix(bucketBranch: Uint8Array): Uint8Array {
  return key(PARTITION.bucketChildren, "/", bucketBranch, "/");
}

/** K9 */
export function bucketCatalogKey(bucketBranch: Uint8Array, branch: Uint8Array): Uint8Array {
  return key(PARTITION.catalog, "/", bucketBranch, "/", branch);
}

/** K10 */
export function catalogByDatabaseKey(branch: Uint8Array, bucketBranch: Uint8Array): Uint8Array {
  return key(PARTITION.catalogByDatabase, "/", branch, "/", bucketBranch);
}

/** K11: raised by one with every database that comes to a root bucket branch or leaves it. */
export function proofEpochKey(rootBucketBranch: Uint8Array): Uint8Array {
  return key(PARTITION.proofEpoch, "/", rootBucketBranch);
}

/** The prefix B of everything a branch holds: K12 to K22. Nothing under it is visible before a K5 points to the branch. */
export function branchRowsPrefix(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch);
}

/** K12 */
export function headKey(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, HEAD);
}

/** K13: present on forks only. */
export function headAtForkKey(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/META/head_at_fork");
}

/** K14 */
export function quotaKey(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/META/quota");
}

/** K15 */
export function lastAccessTsKey(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/META/manifest/last_access_ts_ms");
}

/** K16 */
export function lastAccessBucketKey(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/META/manifest/last_access_bucket");
}

export function commitsPrefix(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/COMMITS/");
}

/** K17 */
export function commitKey(branch: Uint8Array, txid: bigint): Uint8Array {
  return concatBytes(commitsPrefix(branch), u64be(txid));
}

export function vtxPrefix(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/VTX/");
}

/** K18: the txid of a versionstamp of 16 bytes. */
export function vtxKey(branch: Uint8Array, versionstamp: Uint8Array): Uint8Array {
  return concatBytes(vtxPrefix(branch), versionstamp);
}

export function pagesPrefix(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/PIDX/");
}

/** K19: the txid whose DELTA holds a page. */
export function pageKey(branch: Uint8Array, pgno: number): Uint8Array {
  return concatBytes(pagesPrefix(branch), u32be(pgno));
}

/** The same of pages one after the other, `endPgno` excluded, as views of one array: a large image has tens of thousands. */
export function pageKeys(branch: Uint8Array, firstPgno: number, endPgno: number): Uint8Array[] {
  const prefix = pagesPrefix(branch);
  const keyBytes = prefix.length + 4;
  const bytes = newBytes((endPgno - firstPgno) * keyBytes);
  const view = viewOf(bytes);
  return Array.from({ length: endPgno - firstPgno }, (_, index) => {
    const begin = index * keyBytes;
    bytes.set(prefix, begin);
    view.setUint32(begin + prefix.length, firstPgno + index);
    return bytes.subarray(begin, begin + keyBytes);
  });
}

export function deltasPrefix(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/DELTA/");
}

export function deltaPrefix(branch: Uint8Array, txid: bigint): Uint8Array {
  return concatBytes(deltasPrefix(branch), u64be(txid), SLASH);
}

/** K20: a piece of a txid's LTX blob. */
export function deltaChunkKey(branch: Uint8Array, txid: bigint, chunk: number): Uint8Array {
  return concatBytes(deltaPrefix(branch, txid), u32be(chunk));
}

export function shardsPrefix(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/SHARD/");
}

/** K21 without its last part, the txid: the versions of one shard. */
export function shardPrefix(branch: Uint8Array, shard: number): Uint8Array {
  return concatBytes(shardsPrefix(branch), u32be(shard), SLASH);
}

/** K22: present once compaction has run. */
export function compactionRootKey(branch: Uint8Array): Uint8Array {
  return key(PARTITION.rows, "/", branch, "/CMP/root");
}

/** K23 */
export function dirtyKey(branch: Uint8Array): Uint8Array {
  return key(PARTITION.dirty, "/", branch);
}

/** K24: the head of a Depot older than branches. */
export function legacyHeadKey(database: ActorId): Uint8Array {
  return concatBytes(Uint8Array.of(SUBSPACE), asciiBytes(`${database}${HEAD}`));
}

/** K25 */
export function databasePinsPrefix(branch: Uint8Array): Uint8Array {
  return key(PARTITION.databasePins, "/", branch, "/");
}
