import type { FleetLimits } from "../fleet/fleet-limits.ts";
import { LIMITS_OF, limitsInForce } from "../limits.ts";
import { plural } from "../plural.ts";
import { obstacleOf, queueLostText, type Obstacle, type Standing } from "./obstacle.ts";

/** What is looked at to say why a campaign stands still. */
export interface StandstillFacts extends Standing {
  readonly fleet: FleetLimits;
  readonly nowMs: number;
}

/** Why a campaign does not get on, in words; undefined while it does. `isStill`: nothing was done lately. */
export function standstillOf(facts: StandstillFacts, isStill: boolean): string | undefined {
  const { counts, workers } = facts;
  const obstacle = obstacleOf(facts);
  if (obstacle !== undefined) {
    return obstacleText(obstacle, facts);
  }
  const throttled = throttledBecause(facts);
  // Nothing begins: what the last minutes' pace was says nothing of how long that lasts.
  const isHeld = workers.every(({ limit }) => limit === 0);
  if (isHeld && throttled !== undefined) {
    return `throttled by the store: ${throttled}`;
  }
  if (!isStill) {
    return undefined;
  }
  if (throttled !== undefined) {
    return `throttled: ${throttled}`;
  }
  const live = counts.todo.actors + counts.open.actors;
  return live > 0 ? `${plural(counts.open.actors, "actor")} under way, none finished lately` : "about to end";
}

/** An obstacle in a few words. */
function obstacleText(obstacle: Obstacle, facts: StandstillFacts): string {
  const { campaign, counts, workers } = facts;
  switch (obstacle) {
    case "half_created":
      return "not created to its end: some of its actors are missing";
    case "not_started":
      return "not started";
    case "paused":
      return campaign.stateReason === undefined ? "paused" : `paused: ${campaign.stateReason}`;
    case "over":
      return campaign.state;
    case "queue":
      return `the queue cannot be reached: ${queueLostText(workers) ?? ""}`;
    case "being_cancelled":
      return drainingText(facts);
    case "no_workers":
      return "no workers connected";
    case "no_feeder":
      return "no feeder at work";
    case "finding_actors":
      return "looking for actors";
    case "deferred_actors":
      return `waiting for ${plural(counts.later.actors, "deferred actor")}`;
  }
}

/** What a campaign that is being cancelled waits for, and who is missing. */
function drainingText({ counts, workers, feeding }: StandstillFacts): string {
  const open = counts.open.actors;
  const missing = [
    ...(open > 0 && workers.length === 0 ? ["no workers connected"] : []),
    ...(feeding ? [] : ["no feeder at work to end it"]),
  ];
  return [`being cancelled: ${open} in flight`, ...missing].join(", ");
}

/** Why the campaign is held back, in words, or undefined. */
function throttledBecause({ campaign, workers, fleet, nowMs }: StandstillFacts): string | undefined {
  const worker = workers.find(({ throttledBecause: reason }) => reason !== undefined)?.throttledBecause;
  const inForce = limitsInForce(campaign, fleet, nowMs).map(({ of }) => LIMITS_OF[of]);
  return worker ?? (inForce.length === 0 ? undefined : inForce.join(" and "));
}
