import { statfsSync } from "node:fs";
import { constants } from "node:os";
import { FerryError } from "../errors.ts";
import { StoreError } from "./errors.ts";

const MDB_MAP_FULL = -30792;
const { ENOSPC, EDQUOT, EFBIG, EIO } = constants.errno;
const DISK_FULL: ReadonlySet<unknown> = new Set([MDB_MAP_FULL, ENOSPC, EDQUOT, EFBIG]);
/** LMDB reports as an I/O error that a write was cut short, which is how a disk that has just become full shows. */
const CUT_SHORT = EIO;
/** A disk with less than this, the most that a batch of commits can need and some, counts as full after such an error. */
const ROOM_BYTES = 32 * 2 ** 20;

/** An error of LMDB in `directory` as one of the store's; errors that are Ferry's own already stay as they are. */
export function toLmdbStoreError(error: unknown, directory: string): unknown {
  if (error instanceof FerryError) {
    return error;
  }
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const options = { details: { code }, cause: error };
  if (DISK_FULL.has(code) || (code === CUT_SHORT && freeBytes(directory) < ROOM_BYTES)) {
    return new StoreError(
      "disk_full",
      "the embedded store has no room: free some space on its disk and try again",
      options,
    );
  }
  if (code === EIO) {
    return new StoreError("commit_unknown", "the disk failed while the embedded store wrote to it", options);
  }
  return new StoreError("unavailable", "the embedded store failed", options);
}

function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}
