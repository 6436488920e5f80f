import { decodeRecord, RecordWriter, type RecordReader } from "./depot-record.ts";

/*
 * Depot's records about who is where, DEPOT §2.4. Offsets are of the versionstamp, counted with the version.
 *
 *   DatabasePointer, BucketPointer   uuid branch | i64 last_swapped_at_ms                                             27 bytes
 *   DatabaseBranchRecord   uuid branch | uuid bucket branch | opt parent uuid | opt parent stamp | root stamp | u8 fork depth
 *                          | i64 created_at_ms | opt restore point | enum state | u64 lifecycle generation      73 bytes, at 38
 *   BucketBranchRecord     uuid branch | opt parent uuid | opt parent stamp | root stamp | u8 fork depth | i64 created_at_ms
 *                          | opt restore point | enum state                                                     48 bytes, at 21
 *   restore point          text | opt stamp: `RestorePointRef` of the engine's depot/src/conveyer/types/restore_points.rs
 *   BucketCatalogDbFact    uuid branch | uuid bucket branch | catalog stamp | opt tombstone stamp               53 bytes, at 36
 */

export const DATABASE_BRANCH_STAMP_OFFSET = 38;
export const BUCKET_BRANCH_STAMP_OFFSET = 21;
export const CATALOG_FACT_STAMP_OFFSET = 36;

const STATES = ["live", "frozen"] as const;
export type BranchState = (typeof STATES)[number];

/** Of a database or of a bucket: the same bytes. */
export interface BranchPointer {
  readonly branch: Uint8Array;
  readonly lastSwappedAtMs: bigint;
}

export function encodeBranchPointer(pointer: BranchPointer): Uint8Array {
  return new RecordWriter().uuid(pointer.branch).i64(pointer.lastSwappedAtMs).end();
}

/** @throws FormatError `depot_record_invalid` */
export function decodeBranchPointer(bytes: Uint8Array): BranchPointer {
  return decodeRecord("pointer", bytes, (reader) => ({ branch: reader.uuid(), lastSwappedAtMs: reader.i64() }));
}

/** A moment that the engine can go back to: its id, and the stamp of the commit that it came to. */
export interface RestorePoint {
  readonly id: string;
  readonly stamp: Uint8Array | undefined;
}

/** What a branch was forked off; undefined fields on a root. */
export interface BranchOrigin {
  readonly parent: Uint8Array | undefined;
  readonly parentStamp: Uint8Array | undefined;
  readonly rootStamp: Uint8Array;
  readonly forkDepth: number;
  readonly createdAtMs: bigint;
  readonly restorePoint: RestorePoint | undefined;
  readonly state: BranchState;
}

export interface DatabaseBranch extends BranchOrigin {
  readonly branch: Uint8Array;
  readonly bucketBranch: Uint8Array;
  readonly lifecycleGeneration: bigint;
}

export interface BucketBranch extends BranchOrigin {
  readonly branch: Uint8Array;
}

/** The record of a new root database, as the engine's first commit writes it. */
export function encodeRootDatabaseBranch(
  record: Pick<DatabaseBranch, "branch" | "bucketBranch" | "rootStamp" | "createdAtMs">,
): Uint8Array {
  const writer = new RecordWriter().uuid(record.branch).uuid(record.bucketBranch);
  return writeRoot(writer, record).u64(0n).end();
}

/** The record of a new root bucket. */
export function encodeRootBucketBranch(record: Pick<BucketBranch, "branch" | "rootStamp" | "createdAtMs">): Uint8Array {
  return writeRoot(new RecordWriter().uuid(record.branch), record).end();
}

/** @throws FormatError `depot_record_invalid` */
export function decodeDatabaseBranch(bytes: Uint8Array): DatabaseBranch {
  return decodeRecord("database_branch", bytes, (reader) => ({
    branch: reader.uuid(),
    bucketBranch: reader.uuid(),
    ...readOrigin(reader),
    lifecycleGeneration: reader.u64(),
  }));
}

/** @throws FormatError `depot_record_invalid` */
export function decodeBucketBranch(bytes: Uint8Array): BucketBranch {
  return decodeRecord("bucket_branch", bytes, (reader) => ({ branch: reader.uuid(), ...readOrigin(reader) }));
}

/** K10's value: that a database belongs to a bucket since a versionstamp. */
export interface CatalogFact {
  readonly branch: Uint8Array;
  readonly bucketBranch: Uint8Array;
  readonly catalogStamp: Uint8Array;
}

export function encodeCatalogFact(fact: CatalogFact): Uint8Array {
  return new RecordWriter().uuid(fact.branch).uuid(fact.bucketBranch).stamp(fact.catalogStamp).none().end();
}

/** @throws FormatError `depot_record_invalid` */
export function decodeCatalogFact(
  bytes: Uint8Array,
): CatalogFact & { readonly tombstoneStamp: Uint8Array | undefined } {
  return decodeRecord("catalog_fact", bytes, (reader) => ({
    branch: reader.uuid(),
    bucketBranch: reader.uuid(),
    catalogStamp: reader.stamp(),
    tombstoneStamp: reader.option(() => reader.stamp()),
  }));
}

function writeRoot(writer: RecordWriter, root: { rootStamp: Uint8Array; createdAtMs: bigint }): RecordWriter {
  return writer.none().none().stamp(root.rootStamp).u8(0).i64(root.createdAtMs).none().u8(STATES.indexOf("live"));
}

function readOrigin(reader: RecordReader): BranchOrigin {
  return {
    parent: reader.option(() => reader.uuid()),
    parentStamp: reader.option(() => reader.stamp()),
    rootStamp: reader.stamp(),
    forkDepth: reader.u8(),
    createdAtMs: reader.i64(),
    restorePoint: reader.option(() => ({ id: reader.text(), stamp: reader.option(() => reader.stamp()) })),
    state: reader.oneOf(STATES),
  };
}
