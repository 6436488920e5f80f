import type { CampaignGate } from "../../campaign/campaign-gate.ts";
import { campaignLedger, deferDelayMs, readCampaignActor } from "../../campaign/ledger/campaign-ledger.ts";
import { returnActors, stillOpen } from "../../campaign/feeder/feed.ts";
import { rolledBackBy } from "../../campaign/campaign.ts";
import { ledger } from "../../campaign/ledger/ledger.ts";
import { requeueLedger } from "../../campaign/ledger/requeue-ledger.ts";
import { FerryError } from "../../errors.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import type { Codec } from "../../migration/codec/codec.ts";
import type { MigrationContext, MigrationOptions, OutcomeLedger } from "../../migration/context.ts";
import { reasonOfOperator } from "../../migration/reasons.ts";
import { migrateActor } from "../../migration/migrate-actor.ts";
import type { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import type { Outcome } from "../../migration/outcome.ts";
import { RandomPool } from "../../migration/random-pool.ts";
import type { Target } from "../../migration/targets/target.ts";
import { outcomeOf } from "../../migration/verdict.ts";
import type { JobContext, JobHandlers, JobResult } from "../../queue/job-runner.ts";
import type { MigrationRequest, RequestOptions } from "../../queue/migration-request.ts";
import type { Store } from "../../store/store.ts";
import { AttemptMeter } from "../../telemetry/attempt-meter.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import { outcomeLabels } from "../../telemetry/outcome-labels.ts";
import { describeError } from "../describe-error.ts";
import type { FleetMember, SlotClock } from "./fleet-member.ts";
import { logOutcome } from "./outcome-log.ts";

/** What jobs are done with. */
export interface JobHandlerOptions {
  readonly store: Store;
  /** The form of v2 that one job asks for, else the configured one. @throws UsageError */
  readonly targetOf: (request: RequestOptions | undefined) => Promise<Target>;
  /** The options of one job. @throws UsageError */
  readonly optionsOf: (request: RequestOptions | undefined) => MigrationOptions;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly gate: CampaignGate;
  readonly member: FleetMember;
  readonly integrity: IntegrityChecker;
  readonly codec: Codec;
  /** Told of every outcome that was recorded. */
  readonly onOutcome: (outcome: Outcome) => void;
}

interface JobParts extends JobHandlerOptions {
  readonly random: RandomPool;
}

/** What the queue calls for each job: one attempt at one actor; and what is recorded when no attempt is left. */
export function makeJobHandlers(options: JobHandlerOptions): JobHandlers {
  const parts: JobParts = { ...options, random: new RandomPool() };
  return {
    process: (request, job) => processJob(parts, request, job),
    onExhausted: async (request, error, job) => {
      if (!(await wasServed(options.store, request, job))) {
        await recordFailure(options, request, error, jobLog(options, request, job));
      }
    },
  };
}

async function processJob(options: JobParts, request: MigrationRequest, job: JobContext): Promise<JobResult> {
  if (request.campaign !== undefined && !(await options.gate.isRunning(request.campaign))) {
    await returnActors(options.store, request.campaign, [request.actorId], Date.now());
    jobLog(options, request, job).debug("campaign.returned", "The campaign does not run; its actor goes back to it");
    return { kind: "done" };
  }
  if (await wasServed(options.store, request, job)) {
    jobLog(options, request, job).debug(
      "campaign.served",
      "The campaign had this job's outcome before; it is not run again",
    );
    return { kind: "done" };
  }
  const slot = options.member.begin(request.campaign ?? "");
  try {
    return await migrate(options, request, job, slot);
  } finally {
    slot.end();
  }
}

/**
 * Whether a job that starts once more has nothing to do, as its campaign does not wait for the actor: it was done before, and Redis not told.
 * Its campaign's list would have it migrate the actor once more, also where an operator has taken it back since.
 */
async function wasServed(
  store: Store,
  { campaign, actorId }: MigrationRequest,
  { isRestart = false }: Pick<JobContext, "isRestart">,
): Promise<boolean> {
  return isRestart && campaign !== undefined && (await stillOpen(store, campaign, [actorId])).length === 0;
}

/** The campaign that a request's outcome is recorded under. */
function campaignOf({ campaign, onBehalfOf }: MigrationRequest): string | undefined {
  return campaign ?? onBehalfOf;
}

/**
 * What a request wants of an actor that was taken back to v1: it says so itself, or the source of the campaign that feeds it does. That asks
 * once: a campaign can come to have a second job of an actor, and what was taken back after the first was done stays there. So does an actor
 * that the campaign does not have: its job is left of another of that name, which was deleted.
 */
async function rolledBackFor(
  { gate, store }: Pick<JobHandlerOptions, "gate" | "store">,
  { campaign, actorId, rolledBack }: MigrationRequest,
): Promise<Pick<MigrationOptions, "rolledBack">> {
  const source = campaign === undefined ? undefined : await gate.sourceOf(campaign);
  if (campaign === undefined || source === undefined) {
    return rolledBack === undefined ? {} : { rolledBack };
  }
  const asked = rolledBackBy(source);
  return asked.rolledBack !== undefined && (await isStillToDo(store, campaign, actorId)) ? asked : {};
}

async function isStillToDo(store: Store, campaign: string, id: ActorId): Promise<boolean> {
  const actor = await store.transact(async (tx) => readCampaignActor(tx, campaign, id), { label: "campaign" });
  return actor !== undefined && actor.standing !== "done";
}

/** The ledger that records a request's outcome: a campaign's counts its actors along. */
function ledgerOf({ campaign, onBehalfOf }: MigrationRequest): OutcomeLedger {
  if (campaign !== undefined) {
    return campaignLedger(campaign, Date.now);
  }
  return onBehalfOf === undefined ? ledger : requeueLedger(onBehalfOf, Date.now);
}

async function migrate(
  options: JobParts,
  request: MigrationRequest,
  job: JobContext,
  slot: SlotClock,
): Promise<JobResult> {
  const { store, metrics } = options;
  const log = jobLog(options, request, job);
  const written = new Set<string>();
  const meter = new AttemptMeter(metrics);
  const context: Omit<MigrationContext, "target"> = {
    store,
    codec: options.codec,
    ledger: remembering(ledgerOf(request), written),
    now: Date.now,
    randomBytes: (count) => options.random.take(count),
    checkIntegrity: (image, mode, signal) => options.integrity.check(image, mode, signal),
    observer: {
      enter: (activity) => {
        meter.enter(activity);
        slot.enter(activity);
      },
      fenceLost: (code) => {
        meter.fenceLost(code);
        log.warn("attempt.fence_lost", "A fence stopped the attempt", { reason: code });
      },
      releaseFailed: (error) => {
        log.warn("attempt.release_failed", "The lease could not be released; it will expire", { error });
      },
    },
  };
  let recorded: Outcome;
  try {
    const migration = { ...options.optionsOf(request.options), ...(await rolledBackFor(options, request)) };
    const campaign = campaignOf(request);
    recorded = await migrateActor(
      { ...context, target: await options.targetOf(request.options) },
      request.actorId,
      campaign === undefined ? migration : { ...migration, campaign },
      job.signal,
    );
  } catch (error) {
    const { phase, durationMs } = meter.threw();
    log.debug("attempt.failed", "The attempt ended in an error", { phase, durationMs, error });
    throw error;
  }
  // What Ferry had migrated before, or another worker meanwhile, keeps its outcome in the ledger; this attempt only found that.
  const outcome: Outcome = written.has(recorded.finishedAt)
    ? recorded
    : { ...recorded, state: "skipped", reason: "already_migrated" };
  logOutcome(log, outcome, meter.ended(outcome));
  options.onOutcome(outcome);
  if (outcome.state !== "deferred" || request.campaign !== undefined) {
    // A campaign keeps its deferred actors in the store and feeds them again: they take no room in Redis.
    return { kind: "done" };
  }
  return { kind: "defer", delayMs: deferDelayMs(outcome.attempts) };
}

/** A ledger that notes when the outcomes finished that one attempt wrote, those of commits that were not to be included. */
function remembering(records: OutcomeLedger, written: Set<string>): OutcomeLedger {
  return {
    read: (tx, id) => records.read(tx, id),
    write: (tx, outcome, previous) => {
      if (outcome !== previous) {
        written.add(outcome.finishedAt);
      }
      records.write(tx, outcome, previous);
    },
  };
}

async function recordFailure(
  options: JobHandlerOptions,
  request: MigrationRequest,
  error: unknown,
  log: Logger,
): Promise<void> {
  const { store, metrics } = options;
  const finishedAtMs = Date.now();
  const records = ledgerOf(request);
  const reason = error instanceof FerryError ? error.code : "other";
  const wanted = await rolledBackFor(options, request);
  const outcome = await store.transact(
    async (tx) => {
      const previous = await records.read(tx, request.actorId);
      const stands = previous?.state === "migrated" || reasonOfOperator(previous, wanted) !== undefined;
      if (previous !== undefined && stands) {
        // An attempt whose commit was never confirmed did happen after all, or an operator has left the actor on v1.
        records.write(tx, previous, previous);
        return previous;
      }
      const failed = outcomeOf(
        request.actorId,
        { state: "failed", reason, detail: describeError(error) },
        { previous, finishedAtMs, campaign: campaignOf(request) },
      );
      records.write(tx, failed, previous);
      return failed;
    },
    { label: "record" },
  );
  if (outcome.state === "failed") {
    metrics.outcomes.inc({ ...outcomeLabels(outcome) });
    log.error("actor.failed", "All attempts at the actor failed", { reason, error });
  } else {
    const { state, reason: before } = outcome;
    log.warn("actor.stands", "All attempts failed; the outcome from before stands", { state, reason: before, error });
  }
  options.onOutcome(outcome);
}

function jobLog(
  options: JobHandlerOptions,
  request: MigrationRequest,
  job: { readonly jobId: string; readonly attempt: number },
): Logger {
  return options.log.child({
    actorId: request.actorId,
    jobId: job.jobId,
    attempt: job.attempt,
    campaign: campaignOf(request),
  });
}
