import { encodeActorId, type ActorId } from "../../formats/actor-id.ts";
import { viewOf } from "../../formats/bytes.ts";
import {
  ACTIVITIES,
  type Activity,
  type AttemptObserver,
  type MigrationContext,
  type MigrationOptions,
} from "../../migration/context.ts";
import { examineActor } from "../../migration/examine-actor.ts";
import { Estimator, type Estimate } from "./plan-estimate.ts";
import type { V1Actor } from "../actors/v1-actors.ts";

/** Of each size class so many are examined whatever the sample, up to so many bytes: a percent of few is none. */
const LEAST_ACTORS = 200;
const LEAST_BYTES = 1024 ** 3;
/** Actors chosen before they are examined: the scan stands still meanwhile, so that the time taken is that of examining. */
const PART = 1_000;

/** What a plan found, of which part, and how fast. */
export interface Plan extends Estimate {
  readonly atMs: number;
  /** Actors and bytes of the whole, exact; and those that were read and checked. */
  readonly actors: number;
  readonly bytes: number;
  readonly examinedActors: number;
  readonly examinedBytes: number;
  /** How long the examination took, at how many actors at once, and what its time went into, in milliseconds. */
  readonly elapsedMs: number;
  readonly concurrency: number;
  readonly activityMs: Readonly<Record<Activity, number>>;
}

export interface PlanOptions {
  readonly context: Omit<MigrationContext, "observer">;
  readonly migration: MigrationOptions;
  /** Share of the actors that is examined, 0 to 100. */
  readonly samplePercent: number;
  /** Actors examined at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly onProgress?: (examined: number, found: number) => void;
}

/** Reads and checks actors, or a sample of them, as a migration would, and predicts what migrating all of them comes to. Writes nothing. */
export async function planCampaign(
  actors: AsyncIterable<V1Actor> | Iterable<V1Actor>,
  options: PlanOptions,
): Promise<Plan> {
  const estimator = new Estimator();
  const times = new ActivityTimes();
  let elapsedMs = 0;
  let chosen: V1Actor[] = [];
  const examine = async (): Promise<void> => {
    const startedMs = options.clock();
    await examineAll(chosen, { ...options, estimator, times });
    elapsedMs += options.clock() - startedMs;
    chosen = [];
    const { actors: found, examined } = estimator.total;
    options.onProgress?.(examined, found);
  };
  for await (const actor of actors) {
    options.signal.throwIfAborted();
    const { examined, examinedBytes } = estimator.count(actor.bytes);
    const isDue = examined < LEAST_ACTORS && examinedBytes < LEAST_BYTES;
    if (isDue || lotOf(actor.id) < options.samplePercent) {
      estimator.choose(actor.bytes);
      chosen.push(actor);
    }
    if (chosen.length === PART) {
      await examine();
    }
  }
  await examine();
  const { examined, examinedBytes, ...whole } = estimator.total;
  return {
    atMs: options.context.now(),
    ...whole,
    examinedActors: examined,
    examinedBytes,
    elapsedMs: Math.round(elapsedMs),
    concurrency: options.concurrency,
    activityMs: times.byActivity,
    ...estimator.estimate(elapsedMs),
  };
}

/**
 * How long a fleet would take, from and to: the measured time divided among the workers, and twice that, because writing was not
 * measured and may cost as much again.
 */
export function durationAt(plan: Plan, workers: number): { lowMs: number; highMs: number } {
  const lowMs = Math.round(plan.workMs / workers);
  return { lowMs, highMs: 2 * lowMs };
}

/** Several at a time. One that fails ends the others, and is thrown once they have ended: none still reads when the store is closed. */
async function examineAll(
  actors: readonly V1Actor[],
  options: PlanOptions & { estimator: Estimator; times: ActivityTimes },
): Promise<void> {
  const { context, migration, clock, estimator, times } = options;
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const queue = actors.values();
  const work = async (): Promise<void> => {
    for (const { id, bytes } of queue) {
      const startedMs = clock();
      const observer = times.observer(clock);
      const found = await examineActor({ ...context, observer }, id, migration, signal);
      observer.end();
      estimator.add(bytes, found, clock() - startedMs);
    }
  };
  const fail = (error: unknown): void => {
    failure.abort(error);
  };
  await Promise.all(Array.from({ length: options.concurrency }, async () => work().catch(fail)));
  failure.signal.throwIfAborted();
}

/**
 * A number from 0 to 100 that depends on the id alone, and not on what draws a campaign's own sample: three random bytes before those. The
 * byte before them begins with the UUID's variant, which all ids have in common.
 */
function lotOf(id: ActorId): number {
  return ((viewOf(encodeActorId(id)).getUint32(9) & 0xff_ffff) / 0x100_0000) * 100;
}

/** Adds up what examinations spend their time with. */
class ActivityTimes {
  readonly byActivity = Object.fromEntries(ACTIVITIES.map((name) => [name, 0])) as Record<Activity, number>;

  observer(clock: () => number): AttemptObserver & { end(): void } {
    let current: Activity = "read";
    let sinceMs = clock();
    const enter = (activity: Activity): void => {
      const nowMs = clock();
      this.byActivity[current] += nowMs - sinceMs;
      current = activity;
      sinceMs = nowMs;
    };
    return {
      enter,
      end: () => {
        enter(current);
      },
    };
  }
}
