import { OUTCOME_STATES, type OutcomeState } from "../../migration/outcome.ts";
import type { Examination } from "../../migration/examine-actor.ts";
import { laneOf } from "../lanes.ts";
import type { Tally } from "../campaign-counts.ts";
import { roundedTogether } from "../progress/percentages.ts";

/*
 * From a sample to the whole: actors are sorted into the three size classes that campaigns feed by, because what an actor costs and
 * what is wrong with it depends on its size. Within a class counts are scaled by actors, and work by bytes.
 */

const CLASSES = 3;

/** What is expected of a campaign: exact where every actor was examined. */
export interface Estimate {
  readonly expected: Readonly<Record<OutcomeState, Tally>>;
  readonly byReason: readonly { readonly state: OutcomeState; readonly reason: string; readonly actors: number }[];
  readonly transactions: number;
  readonly v2Bytes: number;
  /** Milliseconds of one worker as the examination was one. */
  readonly workMs: number;
}

interface SizeClass {
  /** In the whole, and of those examined. */
  actors: number;
  bytes: number;
  examined: number;
  examinedBytes: number;
  readonly found: Map<string, { state: OutcomeState; reason: string; actors: number; bytes: number }>;
  transactions: number;
  v2Bytes: number;
  busyMs: number;
}

/** Takes note of actors and examinations, and estimates the whole from them; its size does not depend on their number. */
export class Estimator {
  readonly #classes: SizeClass[] = Array.from({ length: CLASSES }, () => ({
    actors: 0,
    bytes: 0,
    examined: 0,
    examinedBytes: 0,
    found: new Map(),
    transactions: 0,
    v2Bytes: 0,
    busyMs: 0,
  }));

  /** An actor of the whole. @returns how many of its size class, and how many bytes of them, are examined so far. */
  count(bytes: number): { examined: number; examinedBytes: number } {
    const sizes = this.#classOf(bytes);
    sizes.actors += 1;
    sizes.bytes += bytes;
    return sizes;
  }

  /** That an actor will be examined. */
  choose(bytes: number): void {
    const sizes = this.#classOf(bytes);
    sizes.examined += 1;
    sizes.examinedBytes += bytes;
  }

  /** What the examination of an actor of `bytes` found, and how long it took. */
  add(bytes: number, found: Examination, busyMs: number): void {
    const sizes = this.#classOf(bytes);
    const { state, reason = "" } = found;
    const key = `${state}/${reason}`;
    const place = sizes.found.get(key) ?? { state, reason, actors: 0, bytes: 0 };
    place.actors += 1;
    place.bytes += bytes;
    sizes.found.set(key, place);
    sizes.transactions += found.transactions;
    sizes.v2Bytes += found.v2Bytes;
    sizes.busyMs += busyMs;
  }

  get total(): Tally & { examined: number; examinedBytes: number } {
    const sum = (of: (sizes: SizeClass) => number): number => this.#classes.reduce((all, one) => all + of(one), 0);
    return {
      actors: sum((one) => one.actors),
      bytes: sum((one) => one.bytes),
      examined: sum((one) => one.examined),
      examinedBytes: sum((one) => one.examinedBytes),
    };
  }

  /** `elapsedMs`: how long the examinations took together, several at a time. */
  estimate(elapsedMs: number): Estimate {
    const reasons = new Map<string, { state: OutcomeState; reason: string; actors: number; bytes: number }>();
    let [transactions, v2Bytes, busyMs, scaledBusyMs] = [0, 0, 0, 0];
    for (const [lane, sizes] of this.#classes.entries()) {
      if (sizes.examined === 0) {
        continue;
      }
      const byActors = sizes.actors / sizes.examined;
      const byBytes = sizes.examinedBytes === 0 ? byActors : sizes.bytes / sizes.examinedBytes;
      // Of the smallest each is one transaction, of the others each megabyte.
      transactions += sizes.transactions * (lane === 0 ? byActors : byBytes);
      v2Bytes += sizes.v2Bytes * byBytes;
      busyMs += sizes.busyMs;
      scaledBusyMs += sizes.busyMs * byBytes;
      for (const [key, { state, reason, actors, bytes }] of sizes.found) {
        const place = reasons.get(key) ?? { state, reason, actors: 0, bytes: 0 };
        place.actors += actors * byActors;
        place.bytes += bytes * byBytes;
        reasons.set(key, place);
      }
    }
    const found = [...reasons.values()];
    const actors = roundedTogether(found.map((place) => place.actors));
    const places = found.map((place, index) => ({ ...place, actors: actors[index] ?? 0 }));
    return {
      expected: Object.fromEntries(
        OUTCOME_STATES.map((state) => [state, tallyOf(places.filter((place) => place.state === state))]),
      ) as Record<OutcomeState, Tally>,
      byReason: places
        .filter(({ reason }) => reason !== "")
        .map(({ state, reason, actors }) => ({ state, reason, actors }))
        .sort((a, b) => b.actors - a.actors),
      transactions: Math.round(transactions),
      v2Bytes: Math.round(v2Bytes),
      // Examinations overlapped as a worker's jobs do, so the time of one is worth less than it took.
      workMs: busyMs === 0 ? 0 : Math.round(scaledBusyMs * (elapsedMs / busyMs)),
    };
  }

  #classOf(bytes: number): SizeClass {
    const sizes = this.#classes[laneOf(bytes, "small-first")];
    if (sizes === undefined) {
      throw new RangeError("there are more lanes than size classes");
    }
    return sizes;
  }
}

function tallyOf(places: readonly { actors: number; bytes: number }[]): Tally {
  return {
    actors: places.reduce((sum, place) => sum + place.actors, 0),
    bytes: Math.round(places.reduce((sum, place) => sum + place.bytes, 0)),
  };
}
