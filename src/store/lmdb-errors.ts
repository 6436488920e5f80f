import { constants } from "node:os";
import { FerryError } from "../errors.ts";
import { StoreError } from "./errors.ts";

const MDB_MAP_FULL = -30792;
const { ENOSPC, EDQUOT, EFBIG, EIO } = constants.errno;
const DISK_FULL: ReadonlySet<unknown> = new Set([MDB_MAP_FULL, ENOSPC, EDQUOT, EFBIG]);

/** An error of LMDB as one of the store's; errors that are Ferry's own already stay as they are. */
export function toLmdbStoreError(error: unknown): unknown {
  if (error instanceof FerryError) {
    return error;
  }
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const options = { details: { code }, cause: error };
  if (DISK_FULL.has(code)) {
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
