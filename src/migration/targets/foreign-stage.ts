import type { ActorId } from "../../formats/actor-id.ts";
import type { Transaction } from "../../store/store.ts";
import { clearStagedBranch, decodeDepotStage, isUnseen } from "./depot/depot-stage.ts";
import { storageTarget } from "./storage/storage-target.ts";

/*
 * What an attempt at one form of v2 has staged, seen by one at the other that takes its lease over: by its name alone, and nobody else ever
 * removes it.
 */

/** Whether the stage is still one; serializable. */
export async function holdsForeignStage(tx: Transaction, id: ActorId, stage: Uint8Array): Promise<boolean> {
  const ofDepot = decodeDepotStage(stage);
  return ofDepot === undefined ? storageTarget.holdsStage(tx, id, stage) : isUnseen(tx, ofDepot);
}

/** Removes every row of a stage that `holdsForeignStage` found. */
export function discardForeignStage(tx: Transaction, id: ActorId, stage: Uint8Array): void {
  const ofDepot = decodeDepotStage(stage);
  if (ofDepot === undefined) {
    storageTarget.discardStage(tx, id, stage);
  } else {
    clearStagedBranch(tx, ofDepot);
  }
}
