import { ASCII, concatBytes, prefixRange, startsWith, viewOf } from "../../../formats/bytes.ts";
import { branchKey, branchRowsPrefix } from "../../../formats/depot-keys.ts";
import { makeUuid, UUID_BYTES } from "../../../formats/uuid.ts";
import type { Transaction } from "../../../store/store.ts";

/*
 * The name of a stage, as the lease row holds it while a Depot image is staged:
 *
 *   "depot1" | branch uuid | wall clock ms, i64 BE       30 bytes
 *
 * It is all that is known of a branch nobody points to: a crashed attempt's rows are found, and wiped, by it.
 */

const MAGIC = ASCII.encode("depot1");
const TIME_OFFSET = MAGIC.length + UUID_BYTES;
const STAGE_BYTES = TIME_OFFSET + 8;

export interface DepotStage {
  /** Fresh for every attempt: a branch id is never used again once it could have been seen (DEPOT R8). */
  readonly branch: Uint8Array;
  /** The same in every row of the image, so that the engine's history takes it for one moment (DEPOT §5.2). */
  readonly wallClockMs: bigint;
}

export function newDepotStage(random: Uint8Array, wallClockMs: number): DepotStage {
  return { branch: makeUuid(random), wallClockMs: BigInt(wallClockMs) };
}

export function encodeDepotStage(stage: DepotStage): Uint8Array {
  const time = new Uint8Array(8);
  viewOf(time).setBigInt64(0, stage.wallClockMs);
  return concatBytes(MAGIC, stage.branch, time);
}

/** Undefined for a stage of another target's. */
export function decodeDepotStage(bytes: Uint8Array): DepotStage | undefined {
  if (bytes.length !== STAGE_BYTES || !startsWith(bytes, MAGIC)) {
    return undefined;
  }
  return {
    branch: bytes.slice(MAGIC.length, TIME_OFFSET),
    wallClockMs: viewOf(bytes).getBigInt64(TIME_OFFSET),
  };
}

/** Whether nobody was switched to the branch yet. A lease that a dump brings back may name one of which that is no longer so; serializable. */
export async function isUnseen(tx: Transaction, { branch }: DepotStage): Promise<boolean> {
  return (await tx.get(branchKey(branch))) === undefined;
}

/** Removes every row of a branch that nobody was switched to. */
export function clearStagedBranch(tx: Transaction, { branch }: DepotStage): void {
  tx.clearRange(prefixRange(branchRowsPrefix(branch)));
}
