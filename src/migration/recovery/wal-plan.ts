import type { WalHeader } from "../../formats/wal.ts";
import type { PageOverlay } from "./page-overlay.ts";

/**
 * What opening the database would make of its write-ahead log.
 *
 * It carries no data, and the main file stands, with:
 * - `absent`, `empty`: there is none, or it has no bytes;
 * - `main_empty`: the main file has no bytes; SQLite deletes the log unread;
 * - `invalid_header`: too short, or magic, page size or checksum wrong;
 * - `no_commit`: valid frames, if any, but no transaction that was finished.
 *
 * SQLite itself refuses, so nothing can be said about the image, with:
 * - `unsupported_version`: a sound header of a version there never was (SQLITE_CANTOPEN);
 * - `page_size_mismatch`: page 1 names another page size than the log has (SQLITE_CORRUPT);
 * - `size_implausible`: the last commit's size is more than main file and log together can fill (SQLITE_CORRUPT);
 * - `too_large`: not SQLite but the limit that was given.
 *
 * With `valid_frames` committed pages lie over the main file.
 */
export type WalPlan =
  | { readonly state: "absent" | "empty" | "main_empty" | "invalid_header" }
  | { readonly state: "no_commit"; readonly header: WalHeader; readonly framesValid: number }
  | { readonly state: "unsupported_version"; readonly header: WalHeader }
  | {
      readonly state: "page_size_mismatch" | "size_implausible" | "too_large";
      readonly header: WalHeader;
      readonly imageBytes: number;
    }
  | WalFramesPlan;

/** How to apply a log: cut or extend the main file to the last commit's size, then lay the overlay's pages over it. */
export interface WalFramesPlan {
  readonly state: "valid_frames";
  readonly header: WalHeader;
  /** Frames whose checksums hold, from the first on. */
  readonly framesValid: number;
  /** Of these, those up to the last commit. */
  readonly framesCommitted: number;
  /** Distinct pages that are taken from the log. */
  readonly pagesApplied: number;
  /** Bytes of the main file that survive, wherever no page of the log lies over them. */
  readonly mainBytes: number;
  readonly imageBytes: number;
  readonly imagePages: number;
  /** Offsets into the log. */
  readonly overlay: PageOverlay;
}
