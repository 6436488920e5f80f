import { DelayedError, UnrecoverableError, WaitingError, type IQueueBackend, type Job } from "bullmq";

import { FerryError } from "../errors.ts";
import type { ActorId } from "../formats/actor-id.ts";
import { JobAbortedError } from "./job-aborted-error.ts";
import type { LockKeeper } from "./lock-keeper.ts";
import { parseRequest, type MigrationRequest } from "./migration-request.ts";
import { DEFERRED_MARK, PUT_OFF_REASON_FIELD, type QueueScripts } from "./queue-scripts.ts";
import { isFinalError, isStoreTrouble, retryDelayMs, storeDelayMs, type RetryPolicy } from "./retry-policy.ts";
import type { HandBackReason, WorkerEvent } from "./worker-events.ts";

/** How a job ended that did not throw: for good, or to come back after `delayMs` without spending an attempt. */
export type JobResult = { readonly kind: "done" } | { readonly kind: "defer"; readonly delayMs: number };

/** What a job gets besides its request. `attempt` counts from 1; `signal` aborts with a `JobAbortedError`. */
export interface JobContext {
  readonly jobId: string;
  readonly attempt: number;
  /** It was started before, and may have been done then: Redis need not have been told. */
  readonly isRestart?: boolean;
  readonly signal: AbortSignal;
}

/** The work itself, and what to do when a request has used up its attempts; both may throw anything. */
export interface JobHandlers {
  readonly process: (request: MigrationRequest, context: JobContext) => Promise<JobResult>;
  /** Records the failure. When this throws, the job is not lost: it comes back and tries again. */
  readonly onExhausted: (
    request: MigrationRequest,
    error: unknown,
    context: Omit<JobContext, "signal">,
  ) => Promise<void>;
}

/** What a runner works with. */
export interface JobRunnerOptions extends JobHandlers {
  readonly backend: Pick<IQueueBackend, "moveToDelayed" | "moveJobFromActiveToWait">;
  readonly scripts: QueueScripts;
  readonly locks: LockKeeper;
  readonly retry: RetryPolicy;
  /** Times that a job's worker may go silent before the job counts as failed: it may be what kills the worker. */
  readonly maxStalls: number;
  readonly emit: (event: WorkerEvent) => void;
  /** Why a job that arrives now has to go back; undefined: it may run. */
  readonly refuses: () => "shutdown" | "paused" | undefined;
  /** Called where the store could not serve a job: it will not serve the next one either, if that comes at once. */
  readonly rest: () => void;
}

/** One job under way. */
interface Run {
  readonly job: Job;
  readonly jobId: string;
  readonly token: string;
  readonly request: MigrationRequest;
  readonly facts: { actorId: ActorId; jobId: string; attempt: number; campaign?: string | undefined };
  readonly controller: AbortController;
  readonly startedAtMs: number;
}

/**
 * Runs jobs and settles each in Redis: done, put off, failed, or handed back. It speaks BullMQ's processor protocol: return completes the
 * job, UnrecoverableError fails it; DelayedError and WaitingError say that it has been moved already (or that it cannot be moved,
 * because the lock is gone), and that BullMQ has to leave it alone. It throws nothing else, as BullMQ would count that as a failure.
 */
export class JobRunner {
  readonly #options: JobRunnerOptions;
  /** At most one per actor in this process, whatever Redis says. */
  readonly #runs = new Map<ActorId, { run: Run; ended: Promise<void> }>();
  #idleWaiters: (() => void)[] = [];

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  /** Jobs under way. */
  get inFlight(): number {
    return this.#runs.size;
  }

  /** Resolves when no job is under way. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#wakeIdleWaiters();
    });
  }

  /** Aborts the signals of all jobs under way. */
  abortAll(): void {
    for (const { run } of this.#runs.values()) {
      run.controller.abort(new JobAbortedError("shutdown"));
    }
  }

  /** BullMQ's processor. */
  async run(job: Job, token: string): Promise<void> {
    const jobId = job.id ?? "";
    const request = parseRequest(job.data);
    if (request === undefined) {
      this.#options.emit({ type: "job_malformed", jobId });
      return;
    }
    const facts = { actorId: request.actorId, jobId, attempt: job.attemptsMade + 1, campaign: request.campaign };
    const run: Run = {
      job,
      jobId,
      token,
      request,
      facts,
      controller: new AbortController(),
      startedAtMs: performance.now(),
    };
    // A process can be stopped between taking a job and getting here; `processedOn` is its own clock when it asked.
    const lockAgeMs = Math.max(0, Date.now() - (job.processedOn ?? Date.now()));
    const release = this.#options.locks.hold(jobId, token, lockAgeMs, () => {
      run.controller.abort(new JobAbortedError("lock_lost"));
      this.#options.emit({ type: "lock_lost", ...facts });
    });
    try {
      // A first start holds its actor by construction; a job that ran before may have lost it, e.g. one retried by hand.
      if (job.attemptsStarted > 1 && !(await this.#options.scripts.claim(request.actorId, jobId))) {
        this.#options.emit({ type: "job_superseded", ...facts });
        return;
      }
      // Asked last: a stop waits for jobs that have begun, and does not know of one that comes after it.
      const refusal = this.#options.refuses();
      if (refusal !== undefined) {
        return await this.#handBack(run, refusal);
      }
      await this.#alone(run, () => this.#runLocked(run));
    } catch (error) {
      if (isProtocol(error)) {
        throw error;
      }
      // Not the job's fault but the queue's: left as it is, the job stalls and comes back.
      this.#options.emit({ type: "queue_error", error });
      throw new WaitingError();
    } finally {
      release();
    }
  }

  /** Runs `work` as the only run of its actor in this process. An older one has lost its lock, else this job could not have started. */
  async #alone(run: Run, work: () => Promise<void>): Promise<void> {
    const { actorId } = run.facts;
    for (let older = this.#runs.get(actorId); older !== undefined; older = this.#runs.get(actorId)) {
      older.run.controller.abort(new JobAbortedError("lock_lost"));
      await older.ended;
    }
    const working = work();
    this.#runs.set(actorId, { run, ended: working.catch(() => undefined) });
    try {
      await working;
    } finally {
      this.#runs.delete(actorId);
      this.#wakeIdleWaiters();
    }
  }

  async #runLocked(run: Run): Promise<void> {
    const { job, facts, request, controller } = run;
    if (controller.signal.aborted) {
      return this.#failed(run, controller.signal.reason);
    }
    if (job.stalledCounter > this.#options.maxStalls) {
      const error = new FerryError("worker_lost", "The workers of this job went silent too often.", {
        details: { stalls: job.stalledCounter },
      });
      return this.#exhaust(run, error);
    }
    this.#options.emit({ type: "job_started", ...facts });
    let result: JobResult;
    try {
      result = await this.#options.process(request, { ...contextOf(run), signal: controller.signal });
    } catch (error) {
      return this.#failed(run, error);
    }
    const durationMs = elapsedMs(run);
    if (result.kind === "defer") {
      await this.#putOff(run, { delayMs: result.delayMs, spendsAttempt: false, mark: DEFERRED_MARK });
      this.#options.emit({ type: "job_deferred", ...facts, durationMs, delayMs: result.delayMs });
      throw new DelayedError();
    }
    this.#options.emit({ type: "job_done", ...facts, durationMs });
  }

  async #failed(run: Run, error: unknown): Promise<void> {
    const reason: unknown = run.controller.signal.reason;
    if (reason instanceof JobAbortedError) {
      return this.#handBack(run, reason.code);
    }
    const { attempt } = run.facts;
    const { retry } = this.#options;
    if (isStoreTrouble(error)) {
      return this.#waitForStore(run, error);
    }
    if (isFinalError(error) || attempt >= retry.attempts) {
      return this.#exhaust(run, error);
    }
    const delayMs = retryDelayMs(retry, attempt);
    const durationMs = elapsedMs(run);
    await this.#putOff(run, { delayMs, spendsAttempt: true, mark: errorCode(error) });
    this.#options.emit({ type: "job_retrying", ...run.facts, durationMs, delayMs, error });
    throw new DelayedError();
  }

  /** Spends no attempt, so that neither load nor an outage ever fails an actor, however long it lasts. */
  async #waitForStore(run: Run, error: unknown): Promise<never> {
    this.#options.rest();
    const starts = run.job.attemptsStarted - run.job.attemptsMade;
    const delayMs = storeDelayMs(this.#options.retry, Math.max(1, starts));
    const durationMs = elapsedMs(run);
    await this.#putOff(run, { delayMs, spendsAttempt: false, mark: errorCode(error) });
    this.#options.emit({ type: "job_waits_for_store", ...run.facts, durationMs, delayMs, error });
    throw new DelayedError();
  }

  async #exhaust(run: Run, error: unknown): Promise<void> {
    const { emit, onExhausted, retry } = this.#options;
    const durationMs = elapsedMs(run);
    try {
      await onExhausted(run.request, error, contextOf(run));
    } catch (cause) {
      // Most likely what failed the job also keeps its failure from being written: nothing is over until it is recorded.
      emit({ type: "queue_error", error: cause });
      await this.#putOff(run, { delayMs: retry.maxDelayMs, spendsAttempt: false, mark: errorCode(error) });
      emit({ type: "job_handed_back", ...run.facts, durationMs, reason: "not_recorded" });
      throw new DelayedError();
    }
    emit({ type: "job_exhausted", ...run.facts, durationMs, error });
    throw new UnrecoverableError(errorCode(error));
  }

  /** Back to the head of the queue, when the lock is still ours; else somebody has it already, or the stalled check will see to it. */
  async #handBack(run: Run, reason: HandBackReason): Promise<never> {
    const durationMs = elapsedMs(run);
    await this.#options.backend.moveJobFromActiveToWait(run.jobId, run.token).catch(() => undefined);
    this.#options.emit({ type: "job_handed_back", ...run.facts, durationMs, reason });
    throw new WaitingError();
  }

  /** A stall counter that is not reset would end an actor that is deferred for weeks by the sum of all deployments. */
  async #putOff(run: Run, to: { delayMs: number; spendsAttempt: boolean; mark: string }): Promise<void> {
    await this.#options.backend.moveToDelayed(run.jobId, Date.now(), Math.max(1, to.delayMs), run.token, {
      skipAttempt: !to.spendsAttempt,
      fieldsToUpdate: { [PUT_OFF_REASON_FIELD]: to.mark, stc: "0" },
    });
  }

  #wakeIdleWaiters(): void {
    if (this.#runs.size === 0) {
      const waiters = this.#idleWaiters;
      this.#idleWaiters = [];
      waiters.forEach((wake) => {
        wake();
      });
    }
  }
}

function contextOf({ job, jobId, facts }: Run): Omit<JobContext, "signal"> {
  return { jobId, attempt: facts.attempt, isRestart: job.attemptsStarted > 1 };
}

function elapsedMs(run: Run): number {
  return performance.now() - run.startedAtMs;
}

function isProtocol(error: unknown): boolean {
  return error instanceof DelayedError || error instanceof WaitingError || error instanceof UnrecoverableError;
}

function errorCode(error: unknown): string {
  return error instanceof FerryError ? error.code : "error";
}
