import { OUTCOME_STATES } from "../../migration/outcome.ts";
import type { Campaign } from "../campaign.ts";
import { finishedAndBad } from "../campaign-counts.ts";
import { sampleOf, type Sample } from "./samples.ts";
import { standstillOf, type StandstillFacts } from "./standstill.ts";

/** Samples that make the rate: ten seconds apart, so the last five minutes. */
export const RATE_SAMPLES = 30;
/** Fewer samples are no base for a time to go, nor for calling it a standstill. */
const ENOUGH_SAMPLES = 4;
/** No third counts as slower than this share of the average: large actors end in lumps, so that one can be empty by chance. */
const SLOWEST = 0.25;
/** Where actors that are left are on average more than so many times as large as those done lately, their pace is not known. */
const COMPARABLE = 8;
/**
 * With nothing done for so long it stands still, where so many would have been done at the pace of before: slow ones, as large actors are,
 * come in lumps, and a minute without any is nothing special where two or three end in one.
 */
const STILL_MS = 60_000;
const STILL_ACTORS = 5;
/** Samples older than this say nothing of now: the feeder stood still meanwhile. */
const RATE_MS = 360_000;
/** After the newest sample's time plus this, what the counts say now is a sample of its own. */
const SAMPLE_DUE_MS = 10_000;

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
  /** Of migrated actors. */
  readonly bytesPerSecond: number;
  /**
   * Milliseconds to go, from and to. Absent while there is nothing to base it on; without an end where larger actors are left than
   * those the pace is known of, or some that only claim to be.
   */
  readonly eta?: { readonly lowMs: number; readonly highMs?: number };
  /** Why there is no time given: what it waits for. */
  readonly standstill?: string;
}

/** What `progressOf` looks at. */
export interface ProgressFacts extends StandstillFacts {
  /** The newest `RATE_SAMPLES`, oldest first. */
  readonly samples: readonly Sample[];
}

/** How far a campaign is, from what is known of it at one moment. */
export function progressOf(facts: ProgressFacts): Progress {
  const { campaign, counts } = facts;
  const done = finishedAndBad(counts).finished;
  const doneBytes = OUTCOME_STATES.reduce((sum, state) => sum + counts.done[state].bytes, 0);
  const live = [counts.todo, counts.open, counts.later];
  const left = live.reduce((sum, tally) => sum + tally.actors, 0);
  const leftBytes = live.reduce((sum, tally) => sum + tally.bytes, 0);
  const recent = recentSamples(facts);
  const rate = rateOf(recent);
  const standstill = standstillOf(facts, isStill(recent));
  // As large a part of what is left is carried as was of what is done: the rest will be rejected or skipped.
  const toCarry = doneBytes === 0 ? leftBytes : leftBytes * (counts.done.migrated.bytes / doneBytes);
  const eta = standstill === undefined && campaign.scanFinished ? etaOf(recent, left, toCarry) : undefined;
  return {
    total: done + left,
    totalIsExact: campaign.scanFinished,
    totalBytes: doneBytes + leftBytes,
    done,
    doneBytes,
    ...(campaign.scanFinished ? { percent: percentOf(campaign, done, done + left) } : {}),
    actorsPerSecond: rate.actors,
    bytesPerSecond: rate.bytes,
    ...(eta === undefined ? {} : { eta }),
    ...(standstill === undefined ? {} : { standstill }),
  };
}

interface Rate {
  readonly actors: number;
  readonly bytes: number;
}

/** The samples of the last minutes; with the counts of now when the feeder has taken none for a while, or only the first. */
function recentSamples({ samples, counts, nowMs }: ProgressFacts): Sample[] {
  const recent = samples.filter((sample) => sample.atMs > nowMs - RATE_MS && sample.atMs <= nowMs);
  const newest = recent.at(-1);
  // One alone makes no rate: for ten seconds a campaign that gets on well would be said to stand.
  const isDue = newest !== undefined && (recent.length === 1 || newest.atMs <= nowMs - SAMPLE_DUE_MS);
  return isDue ? [...recent, sampleOf(counts, nowMs)] : recent;
}

/** The average from the first sample to the last: large actors end in lumps, so a shorter time would show none at all. */
function rateOf(samples: readonly Sample[]): Rate {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.atMs <= first.atMs) {
    return { actors: 0, bytes: 0 };
  }
  const seconds = (last.atMs - first.atMs) / 1000;
  return {
    actors: Math.max(0, last.done - first.done) / seconds,
    bytes: Math.max(0, last.bytes - first.bytes) / seconds,
  };
}

/**
 * A range of times, from the fastest and the slowest third of the last minutes: the best of both, by actors and by bytes, is its lower end,
 * the worst its upper one. The pace of small actors says nothing of a few large ones that are left, or only claim to be large: then there is
 * no upper end.
 */
function etaOf(samples: readonly Sample[], left: number, leftBytes: number): Progress["eta"] {
  if (samples.length < ENOUGH_SAMPLES) {
    return undefined;
  }
  const whole = rateOf(samples);
  const third = Math.ceil((samples.length - 1) / 3);
  const thirds = [0, 1, 2].map((part) => rateOf(samples.slice(part * third, (part + 1) * third + 1)));
  const secondsAt = (choose: (...values: number[]) => number): number[] => {
    const actors = choose(whole.actors, ...thirds.map((rate) => rate.actors));
    const bytes = choose(whole.bytes, ...thirds.map((rate) => rate.bytes));
    const byActors = left / Math.max(actors, whole.actors * SLOWEST);
    return whole.bytes > 0 ? [byActors, leftBytes / Math.max(bytes, whole.bytes * SLOWEST)] : [byActors];
  };
  const lowMs = Math.round(Math.min(...secondsAt(Math.max)) * 1000);
  const isComparable = leftBytes * whole.actors <= COMPARABLE * whole.bytes * left;
  return isComparable ? { lowMs, highMs: Math.round(Math.max(...secondsAt(Math.min)) * 1000) } : { lowMs };
}

/** Whether samples enough to tell say that nothing gets done, in all of their time or in the newest minute. */
function isStill(samples: readonly Sample[]): boolean {
  const [first, newest] = [samples[0], samples.at(-1)];
  if (first === undefined || newest === undefined || samples.length < ENOUGH_SAMPLES) {
    return false;
  }
  const before = samples.filter(({ atMs }) => atMs <= newest.atMs - STILL_MS);
  const isSilent = before.at(-1)?.done === newest.done;
  return newest.done <= first.done || (isSilent && rateOf(before).actors * (STILL_MS / 1000) >= STILL_ACTORS);
}

/** Rounded down to a tenth, so that 100 is the end and nothing else. */
function percentOf(campaign: Campaign, done: number, total: number): number {
  if (total === 0) {
    return campaign.state === "completed" ? 100 : 0;
  }
  return Math.floor((done / total) * 1000) / 10;
}
