import type { ActorId } from "../formats/actor-id.ts";

/**
 * Why an actor was left alone, for good. `rolled_back`: migrated once, and taken back to v1 by an operator. `waived`: rejected, and left
 * on v1 by an operator's decision. `destroyed`: the engine has destroyed it and removes its v1 rows; nobody will open it again.
 */
export const SKIP_REASONS = [
  "no_v1_data",
  "already_migrated",
  "native_v2",
  "rolled_back",
  "waived",
  "destroyed",
] as const;
/** What is wrong with an actor's data; never retried until someone asks. */
export const REJECT_REASONS = [
  "journal_present",
  "wal_present",
  "shm_present",
  "header_too_small",
  "magic_mismatch",
  "page_size_invalid",
  "page_size_unsupported",
  "size_not_page_aligned",
  "meta_missing",
  "meta_invalid",
  "meta_version_unsupported",
  "chunk_missing",
  "chunk_unexpected",
  "chunk_oversized",
  "entry_corrupt",
  "too_large",
  "v2_meta_undecodable",
  "storage_v2_written",
  "namespace_unknown",
  "bucket_not_live",
  "header_page_count_mismatch",
  "journal_mode_unsupported",
  "too_many_pages",
  "integrity_check_failed",
  "verify_mismatch",
] as const;
/** Why an actor has to wait; it comes back by itself. */
export const DEFER_REASONS = ["actor_awake", "migration_in_progress", "pool_on_v1", "engine_took_over"] as const;

export const OUTCOME_STATES = ["migrated", "skipped", "rejected", "deferred", "failed"] as const;
export type OutcomeState = (typeof OUTCOME_STATES)[number];
export type SkipReason = (typeof SKIP_REASONS)[number];
export type RejectReason = (typeof REJECT_REASONS)[number];
export type DeferReason = (typeof DEFER_REASONS)[number];

/** How v2 holds the image: `delta` as the engine's migration writes it, `shards` as its compaction leaves it. */
export const LAYOUTS = ["delta", "shards"] as const;
export type Layout = (typeof LAYOUTS)[number];

/** What one attempt came to. `reason` of a failure is the error's code. */
export type Verdict =
  | {
      readonly state: "migrated";
      readonly image: ImageFacts;
      readonly layout: Layout;
      readonly recovery?: RecoveryFacts | undefined;
      /** What the operator has to do besides. */
      readonly detail?: string;
      /** Whether the new rows were read back and compared before the switch. */
      readonly verified: boolean;
    }
  | { readonly state: "skipped"; readonly reason: SkipReason }
  | {
      readonly state: "rejected";
      readonly reason: RejectReason;
      readonly detail: string;
      readonly facts?: Partial<ImageFacts>;
    }
  | { readonly state: "deferred"; readonly reason: DeferReason; readonly detail: string }
  | { readonly state: "failed"; readonly reason: string; readonly detail: string };

/** The migrated image: its size, and the SHA-256 of its bytes in hex. */
export interface ImageFacts {
  readonly pages: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** What was done about a journal or a WAL beside the database; the states are those of recovery/journal-plan.ts and wal-plan.ts. */
export interface RecoveryFacts {
  readonly journal: string;
  readonly recordsPlayed?: number;
  readonly pagesRestored?: number;
  readonly pagesDropped?: number;
  readonly wal?: string;
  readonly framesApplied?: number;
}

/**
 * What the ledger holds of an actor, and what `ferry outcomes --json` prints, one per line. Absent fields are left out.
 * `finishedAt` is RFC 3339, UTC, with milliseconds; `attempts` counts this one.
 */
export interface Outcome {
  readonly actorId: ActorId;
  readonly state: OutcomeState;
  readonly reason?: string;
  readonly detail?: string;
  readonly pages?: number;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly layout?: Layout;
  readonly recovery?: RecoveryFacts;
  readonly verified?: boolean;
  readonly attempts: number;
  readonly campaign?: string;
  readonly finishedAt: string;
  /** When an operator took the actor back to v1, as RFC 3339; stays the same however often that is found again. */
  readonly takenBackAt?: string;
  /** That Ferry had migrated the actor before, and v2 held nothing of that any more; stays until the actor is migrated again, or left. */
  readonly isGone?: true;
}
