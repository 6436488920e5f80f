import type { Obstacle } from "../progress/obstacle.ts";
import { plural } from "../plural.ts";
import type { CampaignView } from "../progress/view.ts";
import { sentenceOf, type Finding } from "./explanation.ts";
import { findingOfQueue, type QueueLook } from "./queue-finding.ts";

/** What an obstacle explains, and how it goes away. */
export function findingOfObstacle(obstacle: Obstacle, view: CampaignView, look: QueueLook | undefined): Finding {
  const { campaign, counts } = view;
  const { name, state, stateReason } = campaign;
  const { open, later } = counts;
  switch (obstacle) {
    case "half_created":
      return {
        limit: obstacle,
        sentence: `Campaign ${name} was not created to its end: some of its actors are missing.`,
        advice: `Wait for its ferry campaign create, or repeat it, which adds the rest; or: ferry campaign delete ${name}`,
      };
    case "not_started":
      return {
        limit: obstacle,
        sentence: `Campaign ${name} was created and not started.`,
        advice: `Start it: ferry campaign start ${name}`,
      };
    case "paused":
      return {
        limit: obstacle,
        sentence: sentenceOf(`Campaign ${name} is paused${stateReason === undefined ? "" : `: ${stateReason}`}`),
        advice: `Go on: ferry campaign resume ${name}`,
      };
    case "over":
      return {
        limit: obstacle,
        sentence: `Campaign ${name} is ${state}; nothing limits it any more.`,
        advice: `See what came of it: ferry campaign report ${name}`,
      };
    case "queue":
      return findingOfQueue(view, look);
    case "being_cancelled":
      return {
        limit: obstacle,
        sentence: `Campaign ${name} is being cancelled, still in flight: ${plural(open.actors, "actor")}.`,
        advice: adviceOfCancelling(view),
      };
    case "no_workers":
      return findingOfNoWorkers(view, look);
    case "no_feeder":
      return {
        limit: obstacle,
        sentence: "No feeder is at work, so workers get no more than what is on the queue already.",
        advice: "Start a feeder: ferry feeder",
      };
    case "finding_actors":
      return {
        limit: obstacle,
        sentence: "The feeder is still looking for actors, and workers have done all it found so far.",
        advice: "Nothing to turn: the scan goes on by itself.",
      };
    case "deferred_actors":
      return {
        limit: obstacle,
        sentence: `What is left is deferred: ${plural(later.actors, "actor")}, awake or held by another migration, to be tried again later.`,
        advice: "Let them sleep, or create the next campaign with a lower --defer-limit.",
      };
  }
}

/** Heartbeats tell of workers; Redis may know of some that can write none, as to a store that is full. */
function findingOfNoWorkers({ counts: { todo, open, later }, feeding }: CampaignView, look?: QueueLook): Finding {
  const left = `${plural(todo.actors + open.actors + later.actors, "actor")} to go.`;
  const connected = look?.kind === "seen" ? (look.connected ?? 0) : 0;
  if (connected > 0) {
    return {
      limit: "no_workers",
      sentence: `No worker's heartbeat is in the store, though ${plural(connected, "worker")} can be seen on the queue: ${left}`,
      advice: "Look at the store they have: it may be full, out of their reach, or another one; their log says so.",
    };
  }
  return {
    limit: "no_workers",
    sentence: `No worker is connected, so nothing moves: ${left}`,
    advice: `Start workers: ferry worker${feeding ? "" : "; and a feeder: ferry feeder"}`,
  };
}

function adviceOfCancelling({ campaign, counts, workers, feeding }: CampaignView): string {
  if (counts.open.actors > 0 && workers.length === 0) {
    return "No worker is connected that could finish or hand them back: ferry worker";
  }
  if (feeding) {
    return "Nothing to turn: it ends when they are done.";
  }
  return counts.open.actors === 0
    ? `No feeder is at work that would end it. End it now: ferry campaign cancel ${campaign.name}`
    : `No feeder is at work that would end it then: ferry feeder, or ferry campaign cancel ${campaign.name} --wait`;
}
