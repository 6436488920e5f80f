import { statfsSync } from "node:fs";
import { constants } from "node:os";
import { FerryError } from "../../errors.ts";
import { StoreError } from "../errors.ts";

const MDB_MAP_FULL = -30792;
const MDB_BAD_TXN = -30782;
const MDB_BAD_VALSIZE = -30781;
const { ENOSPC, EDQUOT, EFBIG, EIO } = constants.errno;
const DISK_FULL: ReadonlySet<unknown> = new Set([MDB_MAP_FULL, ENOSPC, EDQUOT, EFBIG]);
/**
 * What a commit ends with when the binding (3.5.6) trips over its list of free pages as it saves that: `mdb_page_alloc error` on the error
 * output. It does so before it writes a page of the store's, so nothing of the transaction is in the store.
 */
const LIST_OF_FREE_PAGES: ReadonlySet<unknown> = new Set([MDB_BAD_TXN, MDB_BAD_VALSIZE]);
/** LMDB reports as an I/O error that a write was cut short, which is how a disk that has just become full shows. */
const CUT_SHORT = EIO;
/** A disk with less than this, the most that a batch of commits can need and some, counts as full after such an error. */
const ROOM_BYTES = 32 * 2 ** 20;

/** Where an error of LMDB came from. */
export interface LmdbErrorOrigin {
  readonly directory: string;
  /** Whether the commit as such failed, rather than something before it. */
  readonly isOfCommit: boolean;
}

/** An error of LMDB as one of the store's; errors that are Ferry's own already stay as they are. */
export function toLmdbStoreError(error: unknown, { directory, isOfCommit }: LmdbErrorOrigin): unknown {
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
  if (isOfCommit && LIST_OF_FREE_PAGES.has(code)) {
    return new StoreError("commit_unknown", "the embedded store could not save its list of free pages", options);
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
