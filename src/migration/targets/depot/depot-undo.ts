import type { ActorId } from "../../../formats/actor-id.ts";
import type { ActorLife } from "../../../formats/actor-life.ts";
import { equalBytes, prefixRange, viewOf } from "../../../formats/bytes.ts";
import { decodeBranchPointer } from "../../../formats/depot-branch.ts";
import {
  branchKey,
  branchPinKeys,
  branchRowsPrefix,
  bucketCatalogKey,
  catalogByDatabaseKey,
  databasePinsPrefix,
  databasePointerKey,
  dirtyKey,
  headKey,
  proofEpochKey,
  refcountKey,
} from "../../../formats/depot-keys.ts";
import type { Store, Transaction } from "../../../store/store.ts";
import { collect } from "../../v1/survey.ts";
import { v1Range } from "../../v1/v1-keys.ts";
import { decodeDepotImageRow, depotImageKey, type DepotImageRow } from "./depot-image-row.ts";
import type { DepotOptions } from "./depot-options.ts";
import { readPlace } from "./depot-state.ts";

/**
 * Why a switch is not undone, DEPOT §7.5.
 * - `not_switched`: Ferry did not switch this actor, or it was undone.
 * - `actor_awake`: it runs, is placed, or is not known to sleep.
 * - `engine_took_over`: actor2 has it: without a pointer it would start empty.
 * - `written_since`: pointer or head is not Ferry's any more: the actor has state in Depot that v1 does not have.
 * - `in_use`: a fork or a restore point depends on the branch.
 * - `v1_gone`: there is nothing to go back to.
 */
export type UndoRefusal = "not_switched" | "actor_awake" | "engine_took_over" | "written_since" | "in_use" | "v1_gone";

export type UndoResult =
  { readonly kind: "undone"; readonly branch: Uint8Array } | { readonly kind: "refused"; readonly reason: UndoRefusal };

/**
 * Undoes Ferry's switch of one actor, as long as nothing can be lost by it, and removes the branch. v1's rows, which were never
 * touched, are the actor's database again. The namespace's bucket stays.
 * @param record is run in the same transaction, for what the caller keeps of it.
 */
export async function undoDepotSwitch(
  store: Store,
  id: ActorId,
  options: DepotOptions,
  record: (tx: Transaction, result: UndoResult) => Promise<void>,
  signal: AbortSignal,
): Promise<UndoResult> {
  /** What an earlier run of the body was about to undo: gone now, its commit of unknown result did happen. */
  let attempted: UndoResult | undefined;
  return store.transact(
    async (tx) => {
      const row = await tx.get(depotImageKey(id));
      const image = row === undefined ? undefined : decodeDepotImageRow(row);
      const reason = image === undefined ? "not_switched" : await reasonNotToUndo(tx, id, image, options);
      if (image === undefined || reason !== undefined) {
        const refused: UndoResult = { kind: "refused", reason: reason ?? "not_switched" };
        if (image === undefined && attempted !== undefined) {
          return attempted;
        }
        await record(tx, refused);
        return refused;
      }
      clearBranch(tx, id, image);
      attempted = { kind: "undone", branch: image.branch };
      await record(tx, attempted);
      return attempted;
    },
    { label: "undo", signal },
  );
}

/** Serializable reads, all of them: whoever wakes the actor or writes its database meanwhile conflicts. */
async function reasonNotToUndo(
  tx: Transaction,
  id: ActorId,
  image: DepotImageRow,
  options: DepotOptions,
): Promise<UndoRefusal | undefined> {
  const { branch, bucketBranch } = image;
  const [place, pointer, head, refcount, pins, databasePins, v1] = await Promise.all([
    readPlace(tx, id, options),
    tx.get(databasePointerKey(bucketBranch, id)),
    tx.get(headKey(branch)),
    tx.get(refcountKey(branchKey(branch))),
    Promise.all(branchPinKeys(branch).map(async (key) => tx.get(key))),
    collect(tx.getRange(prefixRange(databasePinsPrefix(branch)), { limit: 1 })),
    collect(tx.getRange(v1Range(id), { limit: 1 })),
  ]);
  if (isAwake(place.life)) {
    return "actor_awake";
  }
  if (place.life.version > 1) {
    return "engine_took_over";
  }
  const pointed = pointer !== undefined && equalBytes(decodeBranchPointer(pointer).branch, branch);
  if (!pointed || !equalBytes(head, image.head)) {
    return "written_since";
  }
  const references = refcount?.length === 8 ? viewOf(refcount).getBigInt64(0, true) : 0n;
  if (references !== 1n || pins.some((pin) => pin !== undefined) || databasePins.length > 0) {
    return "in_use";
  }
  return v1.length === 0 ? "v1_gone" : undefined;
}

function isAwake(life: ActorLife): boolean {
  return life.known && (life.connectable || life.placed || life.destroyed || life.sleepTs === undefined);
}

function clearBranch(tx: Transaction, id: ActorId, { branch, bucketBranch }: DepotImageRow): void {
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
