import type { ActorId } from "../../../formats/actor-id.ts";
import { concatBytes, equalBytes, prefixRange, viewOf } from "../../../formats/bytes.ts";
import { decodeBranchPointer } from "../../../formats/depot-branch.ts";
import { decodeDepotHead } from "../../../formats/depot-head.ts";
import {
  branchKey,
  branchPinKeys,
  branchRowsPrefix,
  bucketCatalogKey,
  bucketChildrenPrefix,
  catalogByDatabaseKey,
  databasePinsPrefix,
  databasePointerKey,
  dirtyKey,
  headKey,
  proofEpochKey,
  refcountKey,
} from "../../../formats/depot-keys.ts";
import { hasRows } from "../../../store/read-rows.ts";
import type { Transaction } from "../../../store/store.ts";
import { depotImageKey, readImageRow, type DepotImageRow } from "./depot-image-row.ts";
import type { UndoRefusal } from "../target.ts";
import type { DepotOptions } from "./depot-options.ts";
import { readPlace, reasonAwake } from "./depot-state.ts";

/**
 * Whether the actor's database is the one that Ferry switched to, with its head byte for byte: once that differs, the actor has state
 * in Depot that v1 does not have (DEPOT R8).
 */
export async function isUntouched(tx: Transaction, id: ActorId, pageCount: number): Promise<boolean> {
  const image = await readImageRow(tx, id);
  if (image === undefined) {
    return false;
  }
  const [pointer, head] = await Promise.all([
    tx.get(databasePointerKey(image.bucketBranch, id)),
    tx.get(headKey(image.branch)),
  ]);
  return (
    pointer !== undefined &&
    equalBytes(decodeBranchPointer(pointer).branch, image.branch) &&
    equalBytes(head, image.head) &&
    decodeDepotHead(image.head).pageCount === pageCount
  );
}

/** DEPOT §7.5, beyond that the database is untouched. Serializable reads: whoever changes any of it meanwhile conflicts. */
export async function reasonNotToUndo(
  tx: Transaction,
  id: ActorId,
  options: DepotOptions,
): Promise<UndoRefusal | undefined> {
  const image = await readImageRow(tx, id);
  if (image === undefined) {
    return "in_use";
  }
  const { branch } = image;
  const [place, refcount, pins, hasDatabasePins, inherited] = await Promise.all([
    readPlace(tx, id, options),
    tx.get(refcountKey(branchKey(branch))),
    Promise.all(branchPinKeys(branch).map(async (key) => tx.get(key))),
    hasRows(tx, prefixRange(databasePinsPrefix(branch))),
    isInherited(tx, image),
  ]);
  const { actor } = place;
  if (actor.destroyed) {
    return "destroyed";
  }
  if (reasonAwake(actor) !== undefined) {
    return "actor_awake";
  }
  if (actor.version > 1) {
    return "engine_took_over";
  }
  const references = refcount?.length === 8 ? viewOf(refcount).getBigInt64(0, true) : 0n;
  const isInUse = references !== 1n || pins.some((pin) => pin !== undefined) || hasDatabasePins || inherited;
  return isInUse ? "in_use" : undefined;
}

/** Whether the bucket was forked since the database came to it: the fork has it too, by the same pointer, and counts nowhere else. */
async function isInherited(tx: Transaction, { branch, bucketBranch }: DepotImageRow): Promise<boolean> {
  const cameAt = await tx.get(bucketCatalogKey(bucketBranch, branch));
  const children = prefixRange(bucketChildrenPrefix(bucketBranch));
  return hasRows(tx, { ...children, begin: concatBytes(children.begin, cameAt ?? new Uint8Array(0)) });
}

/** Removes pointer and branch. The namespace's bucket stays, and v1's rows were never touched. */
export async function undoSwitch(tx: Transaction, id: ActorId): Promise<void> {
  const image = await readImageRow(tx, id);
  if (image === undefined) {
    return;
  }
  const { branch, bucketBranch } = image;
  tx.clear(databasePointerKey(bucketBranch, id));
  tx.clear(bucketCatalogKey(bucketBranch, branch));
  tx.clear(catalogByDatabaseKey(branch, bucketBranch));
  tx.clear(branchKey(branch));
  tx.clear(refcountKey(branchKey(branch)));
  tx.clear(dirtyKey(branch));
  tx.add(proofEpochKey(bucketBranch), 1n);
  tx.clearRange(prefixRange(branchRowsPrefix(branch)));
  tx.clear(depotImageKey(id));
}
