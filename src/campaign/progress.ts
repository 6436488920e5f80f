import type { Campaign } from "./campaign.ts";
import { finishedAndBad, type CampaignCounts } from "./campaign-counts.ts";
import { OUTCOME_STATES } from "../migration/outcome.ts";
import type { FleetLimits, Heartbeat } from "./fleet.ts";
import type { Sample } from "./samples.ts";

/** Samples that make the rate: ten seconds apart, so the last five minutes. */
export const RATE_SAMPLES = 30;
/** Rates below this are a standstill. */
const STILL_PER_SECOND = 0.01;

/** How far a campaign is, and what can honestly be said of its end. */
export interface Progress {
  /** All actors, and whether that is exact: until the scan is over there are at least so many. */
  readonly total: number;
  readonly totalIsExact: boolean;
  readonly totalBytes: number;
  readonly done: number;
  readonly doneBytes: number;
  /** 0 to 100, only when the total is exact. Never more than 100, never 100 before the end, never falling. */
  readonly percent?: number;
  readonly actorsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Milliseconds to go, from and to. Absent while there is nothing to base it on. */
  readonly eta?: { readonly lowMs: number; readonly highMs: number };
  /** Why there is no time given: what it waits for. */
  readonly standstill?: string;
}

/** What `progressOf` looks at. Samples: the newest `RATE_SAMPLES`, oldest first. */
export interface ProgressFacts {
  readonly campaign: Campaign;
  readonly counts: CampaignCounts;
  readonly samples: readonly Sample[];
  readonly workers: readonly Heartbeat[];
  readonly fleet: FleetLimits;
}

export function progressOf(facts: ProgressFacts): Progress {
  const { campaign, counts, samples } = facts;
  const done = finishedAndBad(counts).finished;
  const doneBytes = OUTCOME_STATES.reduce((sum, state) => sum + counts.done[state].bytes, 0);
  const live = [counts.todo, counts.open, counts.later];
  const left = live.reduce((sum, tally) => sum + tally.actors, 0);
  const leftBytes = live.reduce((sum, tally) => sum + tally.bytes, 0);
  const rates = ratesOf(samples);
  const actorsPerSecond = median(rates.map((rate) => rate.actors));
  const standstill = standstillOf(facts, actorsPerSecond);
  const eta = standstill === undefined && campaign.scanFinished ? etaOf(rates, left, leftBytes) : undefined;
  return {
    total: done + left,
    totalIsExact: campaign.scanFinished,
    totalBytes: doneBytes + leftBytes,
    done,
    doneBytes,
    ...(campaign.scanFinished ? { percent: percentOf(done, done + left) } : {}),
    actorsPerSecond,
    bytesPerSecond: median(rates.map((rate) => rate.bytes)),
    ...(eta === undefined ? {} : { eta }),
    ...(standstill === undefined ? {} : { standstill }),
  };
}

interface Rate {
  readonly actors: number;
  readonly bytes: number;
}

/** Rates between neighbouring samples, per second. */
function ratesOf(samples: readonly Sample[]): Rate[] {
  return samples.slice(1).flatMap((sample, index) => {
    const before = samples[index];
    const seconds = before === undefined ? 0 : (sample.atMs - before.atMs) / 1000;
    return before === undefined || seconds <= 0
      ? []
      : [{ actors: (sample.done - before.done) / seconds, bytes: (sample.bytes - before.bytes) / seconds }];
  });
}

/** From the faster and the slower half of the rates, by actors and by bytes: whichever is the worse at each end. */
function etaOf(rates: readonly Rate[], left: number, leftBytes: number): Progress["eta"] {
  if (rates.length < 3) {
    return undefined;
  }
  const secondsAt = (share: number): number => {
    const byActors =
      left /
      Math.max(
        quantile(
          rates.map(({ actors }) => actors),
          share,
        ),
        STILL_PER_SECOND,
      );
    const bytesRate = quantile(
      rates.map(({ bytes }) => bytes),
      share,
    );
    const byBytes = bytesRate > 0 ? leftBytes / bytesRate : byActors;
    return Math.max(byActors, byBytes);
  };
  const [low, high] = [secondsAt(0.75), secondsAt(0.25)];
  return { lowMs: Math.round(Math.min(low, high) * 1000), highMs: Math.round(Math.max(low, high) * 1000) };
}

function standstillOf(facts: ProgressFacts, actorsPerSecond: number): string | undefined {
  const { campaign, counts, workers, samples } = facts;
  switch (campaign.state) {
    case "created":
      return "not started";
    case "paused":
      return campaign.stateReason === undefined ? "paused" : `paused: ${campaign.stateReason}`;
    case "draining":
      return `being cancelled: ${counts.open.actors} in flight`;
    case "completed":
      return "completed";
    case "cancelled":
      return "cancelled";
    case "running":
      break;
  }
  if (workers.length === 0) {
    return "no workers connected";
  }
  if (actorsPerSecond > STILL_PER_SECOND || samples.length < 3) {
    return undefined;
  }
  const throttled = throttledBecause(facts);
  if (throttled !== undefined) {
    return `throttled: ${throttled}`;
  }
  if (counts.open.actors === 0 && counts.todo.actors === 0 && counts.later.actors > 0) {
    return `waiting for ${counts.later.actors} deferred actors`;
  }
  return counts.open.actors > 0 ? `${counts.open.actors} actors under way, none finished lately` : undefined;
}

/** Why the campaign is held back, in words, or undefined. */
export function throttledBecause({ campaign, workers, fleet }: ProgressFacts): string | undefined {
  const { actorsPerSecond, bytesPerSecond, concurrentActors } = campaign.settings;
  const worker = workers.find(({ throttledBecause: reason }) => reason !== undefined)?.throttledBecause;
  if (worker !== undefined) {
    return worker;
  }
  if ((actorsPerSecond ?? bytesPerSecond ?? concurrentActors) !== undefined) {
    return "the campaign's own limits";
  }
  return (fleet.actorsPerSecond ?? fleet.bytesPerSecond ?? fleet.concurrentActors) === undefined
    ? undefined
    : "the fleet's limits";
}

/** Rounded down to a tenth, so that 100 is the end and nothing else. */
function percentOf(done: number, total: number): number {
  return total === 0 ? 100 : Math.floor((done / total) * 1000) / 10;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
