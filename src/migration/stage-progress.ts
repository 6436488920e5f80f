import * as bare from "@bare-ts/lib";
import type { ActorId } from "../formats/actor-id.ts";
import { plainBytes, prefixRange } from "../formats/bytes.ts";
import type { Transaction } from "../store/store.ts";
import { ferryKey } from "./ferry-keys.ts";
import type { StagedRows } from "./targets/target.ts";
import { collect } from "./v1/survey.ts";

/*
 * What of a stage has been committed, rows of Ferry's own beside the lease, each written with the rows it covers:
 *
 *   ("ferry", "stage", id, first pgno)   BARE { endPgno: u32, storageBytes: u64 }
 */

/** Pages that a committed transaction of the stage covers: from the first to one past the last. */
export interface StagedRange {
  readonly firstPgno: number;
  readonly endPgno: number;
  readonly storageBytes: number;
}

function progressPrefix(id: ActorId): Uint8Array {
  return ferryKey("stage", id);
}

export function writeProgress(tx: Transaction, id: ActorId, staged: Omit<StagedRows, "rows">): void {
  const cursor = new bare.ByteCursor(new Uint8Array(12), bare.Config({}));
  bare.writeU32(cursor, staged.endPgno);
  bare.writeU64(cursor, BigInt(staged.storageBytes));
  tx.set(ferryKey("stage", id, staged.firstPgno), cursor.bytes.slice(0, cursor.offset));
}

/** What is committed, in the order of pages. */
export async function readProgress(tx: Transaction, id: ActorId): Promise<StagedRange[]> {
  const prefix = progressPrefix(id);
  const rows = await collect(tx.getRange(prefixRange(prefix)));
  return rows.map(({ key, value }) => {
    const cursor = new bare.ByteCursor(plainBytes(value), bare.Config({}));
    // A tuple integer: its length over 14 in one byte, then big-endian.
    const firstPgno = key.subarray(prefix.length + 1).reduce((number, byte) => number * 256 + byte, 0);
    return { firstPgno, endPgno: bare.readU32(cursor), storageBytes: Number(bare.readU64(cursor)) };
  });
}

export function clearProgress(tx: Transaction, id: ActorId): void {
  tx.clearRange(prefixRange(progressPrefix(id)));
}
