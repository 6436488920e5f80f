import type { Heartbeat } from "../campaign/fleet/heartbeats.ts";
import type { Limits } from "../campaign/limits.ts";
import { ACTIVITIES } from "../migration/context.ts";
import type { QueueCounts } from "../queue/queue-scripts.ts";

/** A fleet under a rate may grow to so many times the workers that have been busy: it is tried, step by step, whether more help. */
const GROWTH = 2;

/** What the number of workers that are of use depends on. */
export interface WorkAtHand {
  readonly counts: Pick<QueueCounts, "waiting" | "active" | "delayed">;
  readonly workers: readonly Heartbeat[];
  /** Actors one worker takes at once. */
  readonly slotsPerWorker: number;
  /** The fleet's limits in force. */
  readonly limits: Limits;
  readonly isCampaignRunning: boolean;
  /** Whether every campaign that runs is held to a rate, its own or the fleet's. */
  readonly isPaced: boolean;
}

/**
 * How many workers the work calls for: enough for what waits and runs, no more than the fleet's limit lets be busy, and no more than there
 * are while the store throttles them. At least one while a campaign runs: between two feeds, and while what is left is deferred, the queue
 * is empty, and a scaler that may go to zero would stop and start workers all the time. Nor does a job that is put off come back without a
 * worker, whoever asked for it. Under a rate what waits says little: it comes in bursts, up to some seconds' worth of them however
 * quickly workers take it; how busy they are tells how many keep up.
 */
export function desiredWorkers({ counts, workers, slotsPerWorker, limits, ...work }: WorkAtHand): number {
  const inReach = (actors: number): number => Math.ceil(actors / slotsPerWorker);
  const atOnce = Math.min(counts.waiting + counts.active, limits.concurrentActors ?? Infinity);
  const most = work.isPaced ? inReach(GROWTH * busySlots(workers)) : Infinity;
  const least = work.isCampaignRunning || counts.delayed > 0 ? 1 : 0;
  const wanted = Math.max(Math.min(inReach(atOnce), most), least);
  const isThrottled = workers.some(({ throttledBecause }) => throttledBecause !== undefined);
  return isThrottled ? Math.min(wanted, workers.length) : wanted;
}

/** How many of the workers' slots were at work in their last minute, on average. */
function busySlots(workers: readonly Heartbeat[]): number {
  return workers.reduce((slots, { concurrency, recentSeconds = {} }) => {
    const allSeconds = Object.values(recentSeconds).reduce((sum, seconds) => sum + seconds, 0);
    const busySeconds = ACTIVITIES.reduce((sum, activity) => sum + (recentSeconds[activity] ?? 0), 0);
    return allSeconds === 0 ? slots : slots + (concurrency * busySeconds) / allSeconds;
  }, 0);
}
