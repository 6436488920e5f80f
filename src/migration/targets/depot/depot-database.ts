import type { ActorId } from "../../../formats/actor-id.ts";
import { prefixRange } from "../../../formats/bytes.ts";
import { decodeBranchPointer, decodeDatabaseBranch } from "../../../formats/depot-branch.ts";
import { decodeDepotHead, type DepotHead } from "../../../formats/depot-head.ts";
import {
  branchKey,
  compactionRootKey,
  databasePointerKey,
  databaseTombstoneKey,
  headAtForkKey,
  headKey,
  legacyHeadKey,
  pageKey,
  shardPrefix,
} from "../../../formats/depot-keys.ts";
import { assertFormatError, FormatError } from "../../../formats/format-error.ts";
import { NIL_UUID } from "../../../formats/uuid.ts";
import type { Rows } from "../../rows.ts";

/** Whether an actor has a Depot database, as the engine's own decision goes (DEPOT §5.1, §7.1). */
export type DepotDatabase =
  | { readonly kind: "absent" }
  | { readonly kind: "tombstone" }
  /** A head from before there were branches: the engine counts it as migrated. */
  | { readonly kind: "legacy" }
  /** Its page 1 is not there: an import of the engine's that takes several commits, which ends with that page, has not ended. */
  | { readonly kind: "unfinished" }
  | { readonly kind: "present"; readonly branch: Uint8Array; readonly head: DepotHead | undefined };

/**
 * Looks up an actor's database under its bucket's branch and under the nil one, where old pointers lie: in the engine's order, which does not
 * come to the nil one where the name has a tombstone. All rows that the answer depends on are read, also where one would do: the reader
 * decides what takes part in conflicts.
 * @throws FormatError `v2_meta_undecodable` for a pointer, branch or head that is missing or cannot be read: the engine would take
 *   such a database for a new, empty one (DEPOT R2).
 */
export async function readDatabase(
  rows: Rows,
  id: ActorId,
  bucketBranch: Uint8Array | undefined,
): Promise<DepotDatabase> {
  const under = bucketBranch ?? NIL_UUID;
  const [pointer, nilPointer, tombstone, legacy] = await Promise.all([
    rows.get(databasePointerKey(under, id)),
    rows.get(databasePointerKey(NIL_UUID, id)),
    rows.get(databaseTombstoneKey(under, id)),
    rows.get(legacyHeadKey(id)),
  ]);
  if (pointer === undefined && tombstone !== undefined) {
    return { kind: "tombstone" };
  }
  const found = pointer ?? nilPointer;
  if (found !== undefined) {
    return readBranch(
      rows,
      decoded("pointer", () => decodeBranchPointer(found).branch),
    );
  }
  if (legacy !== undefined) {
    decoded("head", () => decodeDepotHead(legacy));
    return { kind: "legacy" };
  }
  return { kind: "absent" };
}

async function readBranch(rows: Rows, branch: Uint8Array): Promise<DepotDatabase> {
  const [record, headRow, forkHead, page1] = await Promise.all([
    rows.get(branchKey(branch)),
    rows.get(headKey(branch)),
    rows.get(headAtForkKey(branch)),
    rows.get(pageKey(branch, 1)),
  ]);
  if (record === undefined || (headRow === undefined && forkHead === undefined)) {
    throw undecodable("The actor's Depot pointer leads to a branch without a record or a head.");
  }
  const head = headRow === undefined ? undefined : decoded("head", () => decodeDepotHead(headRow));
  if (head === undefined || head.pageCount === 0 || page1 !== undefined) {
    return { kind: "present", branch, head };
  }
  const { parent } = decoded("branch", () => decodeDatabaseBranch(record));
  // A fork may have page 1 from its parent.
  return parent !== undefined || (await wasCompacted(rows, branch))
    ? { kind: "present", branch, head }
    : { kind: "unfinished" };
}

/** Whether page 1 may lie elsewhere than in a DELTA. */
async function wasCompacted(rows: Rows, branch: Uint8Array): Promise<boolean> {
  if ((await rows.get(compactionRootKey(branch))) !== undefined) {
    return true;
  }
  for await (const batch of rows.getRange(prefixRange(shardPrefix(branch, 0)))) {
    if (batch.length > 0) {
      return true;
    }
  }
  return false;
}

function decoded<T>(record: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    assertFormatError(error);
    const details = { record, why: error.details["why"] };
    throw new FormatError(
      "v2_meta_undecodable",
      "A record of the actor's Depot database cannot be read.",
      details,
      error,
    );
  }
}

function undecodable(message: string, details?: Record<string, unknown>): FormatError {
  return new FormatError("v2_meta_undecodable", message, details);
}
