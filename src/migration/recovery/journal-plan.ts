import type { JournalHeader } from "../../formats/journal.ts";
import type { PageOverlay } from "./page-overlay.ts";

/**
 * What opening the database would do about its rollback journal.
 *
 * The main file stands as it is with:
 * - `absent`: there is no journal;
 * - `empty`: it has no bytes (`journal_mode=TRUNCATE` leaves such);
 * - `zeroed`: its first byte is zero (`journal_mode=PERSIST` leaves such);
 * - `main_empty`: the main file has no bytes, so the journal belongs to an earlier file of that name or to the transaction that would
 *   have made this one; SQLite deletes it unread;
 * - `invalid_header`: too short, no magic, or impossible sizes: its writer died before it touched the main file;
 * - `super_journal_missing`: it is part of a commit over several files whose super-journal is gone, that is, which was decided.
 *
 * It is rolled back with `hot`. With `too_large` it would be, but to an image over the limit; nothing was scanned.
 */
export type JournalPlan =
  | { readonly state: "absent" | "empty" | "zeroed" | "main_empty" | "invalid_header" }
  | { readonly state: "super_journal_missing"; readonly superJournal: string }
  | { readonly state: "too_large"; readonly header: JournalHeader; readonly imageBytes: number }
  | HotJournalPlan;

/**
 * Why playing a hot journal ended.
 *
 * - `no_further_segment`: where the next header would be, the journal ends or holds something else; how complete journals end;
 * - `page_number_invalid`, `checksum_mismatch`, `record_cut_off`: the record there was never written whole, nor, then, its page in the
 *   main file overwritten.
 */
export type JournalEnd = "no_further_segment" | "page_number_invalid" | "checksum_mismatch" | "record_cut_off";

/** How to undo the transaction: cut or extend the main file, then lay the overlay's pages over it. */
export interface HotJournalPlan {
  readonly state: "hot";
  /** The first header; its page size already resolved when it said 0. */
  readonly header: JournalHeader;
  /** Present when the journal names a super-journal and that exists. */
  readonly superJournal?: string;
  readonly segments: number;
  /** Records put back into the main file, repeats included. */
  readonly recordsPlayed: number;
  /** Records of pages past the initial size, which were not. */
  readonly recordsSkipped: number;
  /** Distinct pages put back. */
  readonly pagesRestored: number;
  /** Pages of the main file past the initial size, cut off. */
  readonly pagesDropped: number;
  readonly end: JournalEnd;
  /** Bytes of the main file that survive the cut, wherever no restored page lies over them. */
  readonly mainBytes: number;
  /** Bytes of the image; not a multiple of the page size only if the main file's were not. */
  readonly imageBytes: number;
  readonly imagePages: number;
  /** Offsets into the journal. */
  readonly overlay: PageOverlay;
}
