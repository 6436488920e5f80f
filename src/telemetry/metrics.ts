import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import { ACTIVITIES } from "../migration/context.ts";
import { OUTCOME_LABELS } from "./outcome-labels.ts";

/*
 * Every metric of Ferry: name, help, labels, buckets. Base units (seconds, bytes, ratios); counters end in _total; labels from closed sets,
 * never ids or texts, and set to 0 at the start so that rate() sees the first event. The pegboard_… names are the engine's own: its
 * dashboards and alerts go on working while both migrate.
 */

/** The engine's names of phases, for `pegboard_sqlite_migration_failures_total`; `verify` is Ferry's. */
export const ENGINE_PHASES = {
  read: "read_v1",
  check: "validate",
  encode: "finalize",
  write: "finalize",
  verify: "verify",
} as const satisfies Record<(typeof ACTIVITIES)[number], string>;

/** What a slot of a worker spends its time with. */
const SLOT_ACTIVITIES = [...ACTIVITIES, "throttled_store", "throttled_operator", "idle", "paused"] as const;
export type SlotActivity = (typeof SLOT_ACTIVITIES)[number];

/** What is done about a rollback journal: the actor rejected, the journal played back, or the main file left as it stands. */
export const JOURNAL_ACTIONS = ["rejected", "rolled_back", "not_hot"] as const;
/** Why a worker holds back. */
const THROTTLE_REASONS = ["store", "operator"] as const;
const QUEUE_STATES = ["waiting", "active", "delayed", "failed"] as const;

/** 1 ms to 1,000 s: one commit of a small actor to a 10 GiB image. */
const DURATION_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000,
];
/** 1 ms to 5 s: FoundationDB ends a transaction there. */
const COMMIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** 4 KiB to 10 GiB in pages of 4 KiB. */
const PAGE_BUCKETS = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 2_621_440];

/** What a process says of itself in `ferry_build_info`. */
export interface BuildInfo {
  readonly version: string;
  /** Commit; empty when unknown. */
  readonly revision?: string | undefined;
}

/** All metrics of one process, on a registry of their own. `processMetrics` adds Node's defaults; default true. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Makes the metrics and sets closed label sets to 0. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the table below is the type
export function createMetrics(build: BuildInfo, options: { readonly processMetrics?: boolean } = {}) {
  const registry = new Registry();
  const registers = [registry];
  if (options.processMetrics ?? true) {
    collectDefaultMetrics({ register: registry });
  }
  const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string = never>(name: string, help: string, ...labelNames: L[]): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: L[]
  ): Histogram<L> => new Histogram({ name, help, labelNames, buckets, registers });

  const metrics = {
    registry,

    // The engine's own.
    engineAttempts: counter("pegboard_sqlite_migration_attempts_total", "Attempts to migrate an actor from v1 to v2."),
    engineSuccesses: counter("pegboard_sqlite_migration_successes_total", "Migrations from v1 to v2 that completed."),
    engineFailures: counter(
      "pegboard_sqlite_migration_failures_total",
      "Migrations from v1 to v2 that failed or were rejected, by phase.",
      "phase",
    ),
    engineDuration: histogram(
      "pegboard_sqlite_migration_duration_seconds",
      "Duration of migrations from v1 to v2 that completed.",
      DURATION_BUCKETS,
    ),
    enginePages: histogram("pegboard_sqlite_migration_pages", "Pages per migrated actor.", PAGE_BUCKETS),
    engineRejectedJournal: counter(
      "pegboard_sqlite_migration_rejected_journal_total",
      "Actors rejected because a rollback journal was present.",
    ),

    // Results.
    buildInfo: gauge("ferry_build_info", "Always 1; the labels say what runs.", "version", "revision"),
    outcomes: counter("ferry_outcomes_total", "Outcomes recorded, by state and reason.", "state", "reason"),
    imageBytes: counter("ferry_image_bytes_total", "Bytes of migrated images."),
    pages: counter("ferry_pages_total", "Pages of migrated images."),
    lastSuccess: gauge("ferry_last_success_timestamp_seconds", "When an actor was last migrated, in Unix time."),
    phaseDuration: histogram(
      "ferry_phase_duration_seconds",
      "Time an attempt spent in each phase.",
      DURATION_BUCKETS,
      "phase",
    ),

    journals: counter("ferry_journals_total", "Rollback journals met, by what was done about them.", "action"),

    // The store.
    transactions: counter(
      "ferry_store_transactions_total",
      "Transaction attempts, by what for and result.",
      "label",
      "result",
    ),
    commitDuration: histogram("ferry_store_commit_duration_seconds", "Duration of commits.", COMMIT_BUCKETS),

    // The queue and Redis.
    queueJobs: gauge("ferry_queue_jobs", "Jobs on the queue, by state.", "state"),
    queueOldest: gauge("ferry_queue_oldest_job_age_seconds", "Age of the oldest waiting job."),
    connectedWorkers: gauge("ferry_connected_workers", "Worker processes connected to Redis."),
    redisMemory: gauge("ferry_redis_memory_ratio", "Redis' used memory over its maxmemory; 0 without a limit."),
    redisEvicts: gauge("ferry_redis_evicts", "1 when Redis' maxmemory-policy may evict jobs."),

    // The worker.
    inFlight: gauge("ferry_in_flight", "Jobs under way in this process."),
    concurrencyLimit: gauge("ferry_concurrency_limit", "Jobs this process may have under way."),
    desiredWorkers: gauge("ferry_desired_workers", "Worker processes that the work at hand calls for."),
    draining: gauge("ferry_draining", "1 while this process takes no new job because it stops."),
    throttleActive: gauge("ferry_throttle_active", "1 while this process holds back, by reason.", "reason"),
    activitySeconds: counter("ferry_activity_seconds_total", "Time of job slots, by what they did.", "activity"),
    retries: counter("ferry_retries_total", "Attempts that ended in an error and will be tried again."),
    leaseLosses: counter("ferry_lease_losses_total", "Attempts that found their lease taken by another."),
    fenceLosses: counter("ferry_fence_losses_total", "Attempts stopped because stage, lease or META had changed."),
    lockLosses: counter("ferry_lock_losses_total", "Jobs that lost their queue lock while under way."),
    queueErrors: counter("ferry_queue_errors_total", "Errors of the queue that no job answers for."),

    // Campaigns; few, and only the process that watches them sets these.
    campaignActors: gauge("ferry_campaign_actors", "Actors of a campaign, by state.", "campaign", "state"),
    campaignBytes: gauge("ferry_campaign_bytes", "Bytes of a campaign's actors, by state.", "campaign", "state"),
    campaignInfo: gauge("ferry_campaign_info", "Always 1; the labels describe the campaign.", "campaign", "state"),
    breakerTripped: gauge(
      "ferry_campaign_breaker_tripped",
      "1 while a campaign is paused because its circuit breaker tripped.",
      "campaign",
    ),
    ledgerDrift: gauge(
      "ferry_ledger_drift",
      "Actors on which a campaign's counters and its rows disagreed when it completed.",
      "campaign",
    ),
  };

  // Only the feeder that feeds knows; elsewhere the series is absent, so that a scaler falls back instead of scaling to zero.
  metrics.desiredWorkers.remove();
  metrics.buildInfo.set({ version: build.version, revision: build.revision ?? "" }, 1);
  new Set(Object.values(ENGINE_PHASES)).forEach((phase) => {
    metrics.engineFailures.inc({ phase }, 0);
  });
  for (const labels of OUTCOME_LABELS) {
    metrics.outcomes.inc(labels, 0);
  }
  for (const state of QUEUE_STATES) {
    metrics.queueJobs.set({ state }, 0);
  }
  for (const activity of SLOT_ACTIVITIES) {
    metrics.activitySeconds.inc({ activity }, 0);
  }
  for (const action of JOURNAL_ACTIONS) {
    metrics.journals.inc({ action }, 0);
  }
  for (const reason of THROTTLE_REASONS) {
    metrics.throttleActive.set({ reason }, 0);
  }
  for (const phase of ACTIVITIES) {
    metrics.phaseDuration.zero({ phase });
  }
  return metrics;
}
