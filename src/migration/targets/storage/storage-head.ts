import type { ActorId } from "../../../formats/actor-id.ts";
import {
  DB_HEAD_BYTES,
  decodeDbHead,
  encodeDbHead,
  isStageInProgress,
  newDbHead,
  type DbHead,
} from "../../../formats/db-head.ts";
import { viewOf } from "../../../formats/bytes.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { decodeSplitHead, encodeSplitValue, physicalKey } from "../../../formats/split-value.ts";
import { metaKey, META_KEY_BYTES, V2_SUBSPACE } from "../../../formats/v2-keys.ts";
import { hasRows } from "../../../store/read-rows.ts";
import type { Transaction } from "../../../store/store.ts";
import { v1Range } from "../../v1/v1-keys.ts";
import type { ImageSpec, V2State } from "../target.ts";

/** META itself counts in `sqlite_storage_used`; its length is fixed. */
const META_STORAGE_BYTES = META_KEY_BYTES + DB_HEAD_BYTES;
/** The one txid of a migrated image. */
export const MIGRATION_TXID = 1n;

export function metaRowKey(id: ActorId): Uint8Array {
  return physicalKey(V2_SUBSPACE, metaKey(id));
}

/** @throws FormatError `v2_meta_undecodable` */
export function decodeMetaRow(row: Uint8Array): DbHead {
  return decodeDbHead(inlineValue(row));
}

function inlineValue(row: Uint8Array): Uint8Array {
  const notInline = (cause?: FormatError): FormatError => {
    const message = "The actor's v2 META row cannot be read: it is not an inline value.";
    return new FormatError("v2_meta_undecodable", message, {}, cause);
  };
  try {
    const head = decodeSplitHead(row);
    if (head.kind === "inline") {
      return head.value;
    }
  } catch (error) {
    throw error instanceof FormatError ? notInline(error) : error;
  }
  throw notInline();
}

/** @throws FormatError `v2_meta_undecodable` */
export function stateOfMetaRow(row: Uint8Array | undefined): V2State {
  if (row === undefined) {
    return { kind: "absent" };
  }
  const head = decodeMetaRow(row);
  switch (head.origin) {
    case "native":
      return { kind: "native" };
    case "migrated_from_v1":
      return { kind: "migrated" };
    case "migrating_from_v1":
      return { kind: "migrating", head: row, staging: isStageInProgress(head), sinceMs: Number(head.creationTsMs) };
  }
}

/**
 * META while the image is staged: txid 1 handed out, nothing in it yet. Its generation is random, where the engine starts at 1: a stage
 * that the engine begins within the same millisecond would otherwise have the very same META, and pass for this one.
 */
export function stagingMetaRow(spec: ImageSpec, random: Uint8Array): Uint8Array {
  return metaRow({
    ...newDbHead("migrating_from_v1", BigInt(spec.creationTsMs)),
    generation: viewOf(random).getBigUint64(0),
    nextTxid: MIGRATION_TXID + 1n,
    storageUsedBytes: BigInt(META_STORAGE_BYTES),
  });
}

/** META of the complete image, `storageBytes` being what its DELTA, PIDX and SHARD rows add up to. */
export function finalMetaRow(spec: ImageSpec, storageBytes: number): Uint8Array {
  return metaRow({
    ...newDbHead("migrated_from_v1", BigInt(spec.creationTsMs)),
    headTxid: MIGRATION_TXID,
    nextTxid: MIGRATION_TXID + 1n,
    // Shards are what compaction leaves: everything up to txid 1 is materialized in them.
    materializedTxid: spec.layout === "shards" ? MIGRATION_TXID : 0n,
    dbSizePages: spec.pageCount,
    storageUsedBytes: BigInt(META_STORAGE_BYTES + storageBytes),
  });
}

/** Whether a head is one that a migration left: every commit of the engine's takes a txid of its own. */
export function isMigrationsHead(head: DbHead, pageCount: number): boolean {
  return (
    head.origin === "migrated_from_v1" &&
    head.generation === 1n &&
    head.headTxid === MIGRATION_TXID &&
    head.nextTxid === MIGRATION_TXID + 1n &&
    head.dbSizePages === pageCount
  );
}

/**
 * What the other form of v2 needs to know of this one: that v1 has everything that is here. So it is where nothing is, where a migration
 * was never finished, and where v1 is still there and nothing has been committed since one was.
 * @throws FormatError `storage_v2_written`; `v2_meta_undecodable`, as a head that cannot be read may be of anything.
 */
export async function assertNothingBeyondV1(tx: Transaction, id: ActorId): Promise<void> {
  const row = await tx.get(metaRowKey(id));
  if (row === undefined) {
    return;
  }
  const head = decodeMetaRow(row);
  const { origin, headTxid, nextTxid, dbSizePages } = head;
  if (origin === "migrating_from_v1") {
    return;
  }
  // However many pages: v1 may have been written since, and then it is v1 that has more.
  if (!isMigrationsHead(head, dbSizePages) || !(await hasRows(tx, v1Range(id)))) {
    throw new FormatError(
      "storage_v2_written",
      "The actor has a database in the older form of v2, sqlite-storage, that holds what v1 does not.",
      { origin, headTxid, nextTxid },
    );
  }
}

function metaRow(head: DbHead): Uint8Array {
  const [row] = encodeSplitValue(new Uint8Array(0), new Uint8Array(0), encodeDbHead(head));
  return row?.value ?? new Uint8Array(0);
}
