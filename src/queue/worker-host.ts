import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import { Worker } from "bullmq";
import type { Redis } from "ioredis";

import { JobRunner, type JobHandlers } from "./job-runner.ts";
import { LockKeeper } from "./lock-keeper.ts";
import { pollUntil, type PollOptions } from "./polling.ts";
import { QueueScripts } from "./queue-scripts.ts";
import { closeRedis, openRedis } from "./redis-connection.ts";
import { isConnectionError, isRefusal } from "./redis-errors.ts";
import { assertRedisFit } from "./redis-fit.ts";
import { DEFAULT_PREFIX, QUEUE_NAME, queueKeyPrefix, type RedisOptions } from "./redis-options.ts";
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from "./retry-policy.ts";
import type { WorkerEvent, WorkerState } from "./worker-events.ts";

/*
 * The life of a worker host.
 *
 *   running   takes jobs, up to `concurrency` at once; `pause` keeps it from taking new ones, `resume` lets it again.
 *   draining  after the first stop(): takes no new job, lets those under way finish, for at most `drainDeadlineMs`.
 *   aborting  the deadline has passed: all signals are aborted, each job goes back to the queue as it stops, for at most `handBackMs`.
 *   stopped   connections are closed. A job that did not stop in time keeps its lock until it runs out; then another worker takes it.
 *
 * Every state leads only to those below it. A second stop() leads from any to stopped at once, waiting for nothing.
 * Redis going away changes no state: the host connects again by itself; locks that ran out meanwhile count as lost. Nor does a Redis that
 * refuses commands, as a full one does: the host rests, which is that it takes no job for a second, and tries again. Jobs under way keep
 * their locks, and end. It rests too where the store cannot serve a job, as a full one: it would go through the whole queue in vain.
 */

/** Everything a host can be told; all but `redis` and the handlers has a default. */
export interface WorkerHostOptions extends JobHandlers {
  readonly redis: RedisOptions;
  readonly onEvent?: (event: WorkerEvent) => void;
  /** Jobs at once. Default 1. */
  readonly concurrency?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** How long a job is safe from others without a sign of life, in milliseconds. Default 30,000. */
  readonly lockDurationMs?: number;
  /** How often jobs without a lock are looked for, in milliseconds; found after one to two of these. Default: `lockDurationMs`. */
  readonly stalledIntervalMs?: number;
  /** Times that a job's worker may go silent before the job counts as failed, with code `worker_lost`. Default 5, at least 3. */
  readonly maxStalls?: number;
  /** Default 25,000: with `handBackMs` still under the 30 s that Kubernetes grants. */
  readonly drainDeadlineMs?: number;
  /** Default 3,000. */
  readonly handBackMs?: number;
}

/** BullMQ's own limit on stalls would fail a job without anyone recording an outcome; ours is in the runner. */
const NO_STALL_LIMIT = 1_000_000_000;

/** How long no job is taken after Redis refused a command, or the store a job: BullMQ would go on at once, up to a thousand times a second. */
const REST_MS = 1_000;

/** Takes jobs off the queue and runs them; see the life cycle above. */
export class WorkerHost {
  readonly #options: WorkerHostOptions;
  readonly #redis: Redis;
  readonly #worker: Worker;
  readonly #runner: JobRunner;
  readonly #scripts: QueueScripts;
  readonly #stopNow = new AbortController();
  #state: WorkerState = "running";
  #isPaused = false;
  #isConnected = true;
  /** Set while no job is taken because Redis or the store refused. */
  #resting: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  /** @throws UnavailableError when Redis cannot be reached or is not fit, see `assertRedisFit`. */
  static async start(options: WorkerHostOptions): Promise<WorkerHost> {
    const redis = await openRedis(options.redis, { role: "worker" });
    try {
      await assertRedisFit(redis, options.redis);
      const host = new WorkerHost(options, redis);
      await host.#worker.waitUntilReady();
      host.#worker.run().catch((error: unknown) => {
        host.#report(error);
      });
      return host;
    } catch (error) {
      await closeRedis(redis);
      throw error;
    }
  }

  private constructor(options: WorkerHostOptions, redis: Redis) {
    this.#options = options;
    this.#redis = redis;
    this.#scripts = new QueueScripts(redis, queueKeyPrefix(options.redis));
    const lockMs = options.lockDurationMs ?? 30_000;
    this.#worker = new Worker(QUEUE_NAME, (job, token) => this.#runner.run(job, token ?? ""), {
      connection: redis,
      prefix: options.redis.prefix ?? DEFAULT_PREFIX,
      // In Redis' client list.
      name: `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`,
      autorun: false,
      concurrency: options.concurrency ?? 1,
      lockDuration: lockMs,
      skipLockRenewal: true,
      stalledInterval: options.stalledIntervalMs ?? lockMs,
      maxStalledCount: NO_STALL_LIMIT,
      runRetryDelay: 1_000,
    });
    this.#runner = new JobRunner({
      process: options.process,
      onExhausted: options.onExhausted,
      backend: this.#worker.getBackend(),
      scripts: this.#scripts,
      locks: new LockKeeper({
        lockMs,
        extend: (jobIds, tokens, durationMs) => this.#scripts.extendLocks(jobIds, tokens, durationMs),
        onError: (error) => {
          this.#report(error);
        },
      }),
      retry: { ...DEFAULT_RETRY_POLICY, ...options.retry },
      maxStalls: Math.max(3, options.maxStalls ?? 5),
      emit: (event) => {
        this.#emit(event);
      },
      refuses: () => (this.#state === "running" ? (this.#isPaused ? "paused" : undefined) : "shutdown"),
      rest: () => {
        this.#rest();
      },
    });
    this.#listen();
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Jobs under way here. */
  get inFlight(): number {
    return this.#runner.inFlight;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether Redis is there, as far as the connection tells. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Takes effect at once when it rises, and as jobs end when it falls. At least 1: `pause` is for none. */
  async setConcurrency(concurrency: number): Promise<void> {
    const wasFull = this.inFlight >= this.#worker.concurrency;
    const rises = concurrency > this.#worker.concurrency;
    this.#worker.concurrency = concurrency;
    if (rises && wasFull && this.#mayTake) {
      // BullMQ looks at the new number only when a job ends or when it is resumed.
      await this.#worker.pause(true);
      // Unless it was paused, or has to rest, since.
      await this.#take();
    }
  }

  /** Takes no new job until `resume`; those under way go on. Other workers are not affected. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#worker.pause(true);
  }

  async resume(): Promise<void> {
    if (this.#isPaused && this.#state === "running") {
      this.#isPaused = false;
      await this.#take();
    }
  }

  /** As `MigrationQueue.drained`, for `ferry worker --drain`: waits out Redis' absences instead of failing. */
  async drained(options: PollOptions = {}): Promise<void> {
    await pollUntil(async () => ((await this.#scripts.isDrained()) ? true : undefined), options);
  }

  /** First call: drains and closes, see the life cycle. Second call: ends at once. Never throws; resolves when stopped. */
  stop(): Promise<void> {
    if (this.#stopped === undefined) {
      this.#stopped = this.#drain();
    } else {
      this.#stopNow.abort();
    }
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    this.#enter("draining");
    const closed = this.#worker.close().catch((error: unknown) => {
      this.#report(error);
    });
    await this.#race([closed, this.#runner.idle()], this.#options.drainDeadlineMs ?? 25_000);
    if (this.inFlight > 0) {
      this.#enter("aborting");
      this.#runner.abortAll();
    }
    // Jobs are settled in Redis after they end; with Redis away that would never end.
    await this.#race([closed], this.#options.handBackMs ?? 3_000);
    this.#worker.disconnect().catch(() => undefined);
    this.#redis.disconnect();
    this.#enter("stopped");
  }

  /** Until one of the promises resolves, the deadline passes, or a second stop() asks to end at once. */
  async #race(promises: readonly Promise<unknown>[], deadlineMs: number): Promise<void> {
    const timer = new AbortController();
    const signal = AbortSignal.any([timer.signal, this.#stopNow.signal]);
    await Promise.race([...promises, sleep(deadlineMs, undefined, { signal }).catch(() => undefined)]);
    timer.abort();
  }

  #listen(): void {
    this.#worker.on("error", (error) => {
      this.#report(error);
    });
    this.#worker.on("stalled", (jobId) => {
      this.#emit({ type: "job_stalled", jobId });
    });
    this.#redis.on("close", () => {
      if (this.#isConnected && this.#state === "running") {
        this.#isConnected = false;
        this.#emit({ type: "redis_lost" });
      }
    });
    this.#redis.on("ready", () => {
      if (!this.#isConnected) {
        this.#isConnected = true;
        this.#emit({ type: "redis_back" });
      }
    });
  }

  get #mayTake(): boolean {
    return this.#state === "running" && !this.#isPaused && this.#resting === undefined;
  }

  async #take(): Promise<void> {
    if (this.#mayTake) {
      await this.#worker.resume();
    }
  }

  /** Takes no job for a while. Those under way go on, and so does a pause that somebody asked for. */
  #rest(): void {
    if (this.#resting !== undefined || this.#state !== "running") {
      return;
    }
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      this.#take().catch((error: unknown) => {
        this.#report(error);
      });
    }, REST_MS);
    this.#worker.pause(true).catch((error: unknown) => {
      this.#report(error);
    });
  }

  /** Lost connections are told once, by `redis_lost`, not with every attempt to connect again. */
  #report(error: unknown): void {
    if (isRefusal(error)) {
      this.#rest();
    }
    if (!isConnectionError(error)) {
      this.#emit({ type: "queue_error", error });
    }
  }

  #enter(state: WorkerState): void {
    this.#state = state;
    this.#emit({ type: "state_changed", state });
  }

  #emit(event: WorkerEvent): void {
    this.#options.onEvent?.(event);
  }
}
