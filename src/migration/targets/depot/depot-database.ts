import type { ActorId } from "../../../formats/actor-id.ts";
import { decodeBranchPointer } from "../../../formats/depot-branch.ts";
import { decodeDepotHead, type DepotHead } from "../../../formats/depot-head.ts";
import {
  branchKey,
  databasePointerKey,
  databaseTombstoneKey,
  headAtForkKey,
  headKey,
  legacyHeadKey,
} from "../../../formats/depot-keys.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { NIL_UUID } from "../../../formats/uuid.ts";
import type { Rows } from "../../rows.ts";

/** Whether an actor has a Depot database, as the engine's own decision goes (DEPOT §5.1, §7.1). */
export type DepotDatabase =
  | { readonly kind: "absent" }
  | { readonly kind: "tombstone" }
  /** A head from before there were branches: the engine counts it as migrated. */
  | { readonly kind: "legacy" }
  | { readonly kind: "present"; readonly branch: Uint8Array; readonly head: DepotHead | undefined };

/**
 * Looks up an actor's database under its bucket's branch and under the nil one, where old pointers lie. All rows that the answer
 * depends on are read, also where one would do: the reader decides what takes part in conflicts.
 * @throws FormatError `v2_meta_undecodable` for a pointer, branch or head that is missing or cannot be read: the engine would take
 *   such a database for a new, empty one (DEPOT R2).
 */
export async function readDatabase(
  rows: Pick<Rows, "get">,
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
  const found = pointer ?? nilPointer;
  if (found !== undefined) {
    return readBranch(
      rows,
      decoded("pointer", () => decodeBranchPointer(found).branch),
    );
  }
  if (tombstone !== undefined) {
    return { kind: "tombstone" };
  }
  if (legacy !== undefined) {
    decoded("head", () => decodeDepotHead(legacy));
    return { kind: "legacy" };
  }
  return { kind: "absent" };
}

async function readBranch(rows: Pick<Rows, "get">, branch: Uint8Array): Promise<DepotDatabase> {
  const [record, head, forkHead] = await Promise.all([
    rows.get(branchKey(branch)),
    rows.get(headKey(branch)),
    rows.get(headAtForkKey(branch)),
  ]);
  if (record === undefined || (head === undefined && forkHead === undefined)) {
    throw undecodable("The actor's Depot pointer leads to a branch without a record or a head.");
  }
  return {
    kind: "present",
    branch,
    head: head === undefined ? undefined : decoded("head", () => decodeDepotHead(head)),
  };
}

function decoded<T>(record: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof FormatError)) {
      throw error;
    }
    throw undecodable("A record of the actor's Depot database cannot be read.", { record, why: error.details["why"] });
  }
}

function undecodable(message: string, details?: Record<string, unknown>): FormatError {
  return new FormatError("v2_meta_undecodable", message, details);
}
