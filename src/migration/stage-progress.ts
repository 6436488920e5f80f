import * as bare from "@bare-ts/lib";
import type { ActorId } from "../formats/actor-id.ts";
import { plainBytes, prefixRange } from "../formats/bytes.ts";
import { readRows } from "../store/read-rows.ts";
import type { Transaction } from "../store/store.ts";
import { ferryKey } from "./ferry-keys.ts";
import type { StagedRows } from "./targets/target.ts";

/*
 * What of a stage has been committed, rows of Ferry's own beside the lease, each written with the rows it covers:
 *
 *   ("ferry", "stage", id, first pgno)   BARE { endPgno: u32, storageBytes: u64 }
 */

const PROGRESS_BYTES = 12;
/** Code of the tuple integer 0; each byte of a number adds one. */
const TUPLE_ZERO = 0x14;

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
  const cursor = new bare.ByteCursor(new Uint8Array(PROGRESS_BYTES), bare.Config({}));
  bare.writeU32(cursor, staged.endPgno);
  bare.writeU64(cursor, BigInt(staged.storageBytes));
  tx.set(ferryKey("stage", id, staged.firstPgno), cursor.bytes.slice(0, cursor.offset));
}

/** What is committed, in the order of pages. A row that says nothing sensible is left out: its pages are staged again. */
export async function readProgress(tx: Transaction, id: ActorId): Promise<StagedRange[]> {
  const prefix = progressPrefix(id);
  const rows = await readRows(tx, prefixRange(prefix));
  return rows.flatMap(({ key, value }) => decodeProgress(key.subarray(prefix.length), value) ?? []);
}

/**
 * A range from a progress row's value and what follows the prefix in its key: a tuple integer, its length over 14 in one byte, then
 * big-endian. Undefined where it is none.
 */
export function decodeProgress(packedPgno: Uint8Array, value: Uint8Array): StagedRange | undefined {
  const firstPgno = packedPgno.subarray(1).reduce((number, byte) => number * 256 + byte, 0);
  if (value.length !== PROGRESS_BYTES || packedPgno.length !== (packedPgno[0] ?? 0) - TUPLE_ZERO + 1) {
    return undefined;
  }
  const cursor = new bare.ByteCursor(plainBytes(value), bare.Config({}));
  const range = { firstPgno, endPgno: bare.readU32(cursor), storageBytes: Number(bare.readU64(cursor)) };
  return range.endPgno >= firstPgno && Number.isSafeInteger(range.storageBytes) ? range : undefined;
}

export function clearProgress(tx: Transaction, id: ActorId): void {
  tx.clearRange(prefixRange(progressPrefix(id)));
}
