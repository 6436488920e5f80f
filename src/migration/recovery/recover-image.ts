import type { ByteSource } from "./byte-source.ts";
import type { JournalPlan } from "./journal-plan.ts";
import { planJournalRollback, type JournalOptions } from "./journal-rollback.ts";
import { RecoveredImage } from "./recovered-image.ts";
import type { WalPlan } from "./wal-plan.ts";
import { planWalRecovery, type WalOptions } from "./wal-recovery.ts";

/** A database as it lies in storage: the main file and what lies beside it. */
export interface DatabaseFiles {
  readonly main: ByteSource;
  readonly journal?: ByteSource | undefined;
  readonly wal?: ByteSource | undefined;
}

/** What recovery found, and the image if there is one. */
export interface Recovery {
  readonly journal: JournalPlan;
  /** Absent when the journal already leaves no image. */
  readonly wal?: WalPlan;
  /** The image as SQLite would leave it; absent when a plan's state says that SQLite would refuse or the image is too large. */
  readonly image?: ByteSource;
}

/**
 * Both recoveries in SQLite's order: the hot journal is rolled back, then the log is applied to the result. Writes nothing; reads of the
 * image go on reading the files.
 */
export async function recoverImage(files: DatabaseFiles, options: JournalOptions & WalOptions = {}): Promise<Recovery> {
  const journal = await planJournalRollback(files.journal, files.main, options);
  const restored = journalImage(files, journal);
  if (restored === undefined) {
    return { journal };
  }
  const wal = await planWalRecovery(files.wal, restored, options);
  const image = walImage(restored, files, wal);
  return image === undefined ? { journal, wal } : { journal, wal, image };
}

function journalImage({ main, journal }: DatabaseFiles, plan: JournalPlan): ByteSource | undefined {
  switch (plan.state) {
    case "absent":
    case "empty":
    case "zeroed":
    case "main_empty":
    case "invalid_header":
    case "super_journal_missing":
      return main;
    case "too_large":
      return undefined;
    case "hot":
      return journal === undefined ? undefined : new RecoveredImage(main, journal, plan);
  }
}

function walImage(main: ByteSource, { wal }: DatabaseFiles, plan: WalPlan): ByteSource | undefined {
  switch (plan.state) {
    case "absent":
    case "empty":
    case "main_empty":
    case "invalid_header":
    case "no_commit":
      return main;
    case "unsupported_version":
    case "page_size_mismatch":
    case "size_implausible":
    case "too_large":
      return undefined;
    case "valid_frames":
      return wal === undefined ? undefined : new RecoveredImage(main, wal, plan);
  }
}
