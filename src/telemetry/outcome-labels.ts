import { DEFER_REASONS, REJECT_REASONS, SKIP_REASONS, type Outcome, type OutcomeState } from "../migration/outcome.ts";

/** Labels of `ferry_outcomes_total`. */
export interface OutcomeLabels {
  readonly state: OutcomeState;
  readonly reason: string;
}

/**
 * Codes that a failed outcome can have: those of errors that a job can end in. The store's own trouble is none of them, as it spends no
 * attempt (queue/retry-policy.ts). A reason that is not listed counts as `other`, so that the set stays closed.
 */
const FAILURE_REASONS = [
  "store_timed_out",
  "store_too_large",
  "store_key_too_large",
  "store_value_too_large",
  "store_read_only",
  "lease_lost",
  "meta_changed",
  "stage_gone",
  "codec_thread_failed",
  "integrity_worker_failed",
  "integrity_timed_out",
  "integrity_no_resources",
  "integrity_directory",
  "integrity_closed",
  "worker_lost",
  "invariant",
  "usage",
  "other",
] as const;

const reasonsOf = {
  migrated: [""],
  skipped: SKIP_REASONS,
  rejected: REJECT_REASONS,
  deferred: DEFER_REASONS,
  failed: FAILURE_REASONS,
} as const satisfies Record<OutcomeState, readonly string[]>;

/** Every pair of labels there can be. */
export const OUTCOME_LABELS: readonly OutcomeLabels[] = Object.entries(reasonsOf).flatMap(([state, reasons]) =>
  reasons.map((reason) => ({ state: state as OutcomeState, reason })),
);

/** The labels of an outcome; an unknown reason becomes `other`. */
export function outcomeLabels(outcome: Pick<Outcome, "state" | "reason">): OutcomeLabels {
  const known: readonly string[] = reasonsOf[outcome.state];
  const reason = outcome.reason ?? "";
  return { state: outcome.state, reason: known.includes(reason) ? reason : "other" };
}
