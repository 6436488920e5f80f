import type { ActorId } from "../formats/actor-id.ts";

interface JobFacts {
  readonly actorId: ActorId;
  readonly jobId: string;
  /** From 1. */
  readonly attempt: number;
  readonly campaign?: string | undefined;
}

/** What a worker host tells its owner, for logs and metrics. `type` is static; the rest are fields. */
export type WorkerEvent =
  | ({ readonly type: "job_started" } & JobFacts)
  | ({ readonly type: "job_done"; readonly durationMs: number } & JobFacts)
  | ({ readonly type: "job_deferred"; readonly durationMs: number; readonly delayMs: number } & JobFacts)
  | ({
      readonly type: "job_retrying";
      readonly durationMs: number;
      readonly delayMs: number;
      readonly error: unknown;
    } & JobFacts)
  /** The store was the trouble: the job comes back and has spent no attempt. */
  | ({
      readonly type: "job_waits_for_store";
      readonly durationMs: number;
      readonly delayMs: number;
      readonly error: unknown;
    } & JobFacts)
  /** No attempt is left, or the error is final; `onExhausted` has run. */
  | ({ readonly type: "job_exhausted"; readonly durationMs: number; readonly error: unknown } & JobFacts)
  /** Given back without spending an attempt. */
  | ({ readonly type: "job_handed_back"; readonly durationMs: number; readonly reason: HandBackReason } & JobFacts)
  /** The lock is gone while the job runs: its signal is aborted, somebody else will do it. */
  | ({ readonly type: "lock_lost" } & JobFacts)
  /** Another live job has the actor, so this one ended without running. */
  | ({ readonly type: "job_superseded" } & JobFacts)
  /** A job of this queue that holds no request; ended without running. */
  | { readonly type: "job_malformed"; readonly jobId: string }
  /** A job whose worker went silent is back on the queue. */
  | { readonly type: "job_stalled"; readonly jobId: string }
  | { readonly type: "state_changed"; readonly state: WorkerState }
  | { readonly type: "redis_lost" }
  | { readonly type: "redis_back" }
  /** Something failed that no job answers for. */
  | { readonly type: "queue_error"; readonly error: unknown };

/** Why a job went back: its lock was lost, the worker stops or is paused, or its failure could not be recorded. */
export type HandBackReason = "lock_lost" | "shutdown" | "paused" | "not_recorded";

/** See the life cycle in worker-host.ts. */
export type WorkerState = "running" | "draining" | "aborting" | "stopped";
