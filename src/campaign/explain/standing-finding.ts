import { plural } from "../plural.ts";
import type { CampaignView } from "../view.ts";
import { sentenceOf, type Finding } from "./explanation.ts";

/** What a campaign's state alone explains. */
export function findingOfState(view: CampaignView): Finding | undefined {
  const { name, stateReason } = view.campaign;
  switch (view.campaign.state) {
    case "created":
      return {
        limit: "not_started",
        sentence: `Campaign ${name} was created and not started.`,
        advice: `Start it: ferry campaign start ${name}`,
      };
    case "paused":
      return {
        limit: "paused",
        sentence: sentenceOf(`Campaign ${name} is paused${stateReason === undefined ? "" : `: ${stateReason}`}`),
        advice: `Go on: ferry campaign resume ${name}`,
      };
    case "draining":
      return {
        limit: "being_cancelled",
        sentence: `Campaign ${name} is being cancelled, still in flight: ${plural(view.counts.open.actors, "actor")}.`,
        advice: adviceOfCancelling(view),
      };
    case "completed":
    case "cancelled":
      return {
        limit: "over",
        sentence: `Campaign ${name} is ${view.campaign.state}; nothing limits it any more.`,
        advice: `See what came of it: ferry campaign report ${name}`,
      };
    case "running":
      return undefined;
  }
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

/** What explains itself by who is missing. */
export function findingOfPresence({ campaign, counts, workers, feeding }: CampaignView): Finding | undefined {
  const { todo, open, later } = counts;
  if (workers.length === 0) {
    return {
      limit: "no_workers",
      sentence: `No worker is connected, so nothing moves: ${plural(todo.actors + open.actors + later.actors, "actor")} to go.`,
      advice: "Start workers: ferry worker",
    };
  }
  if (!feeding && (todo.actors + later.actors > 0 || !campaign.scanFinished)) {
    return {
      limit: "no_feeder",
      sentence: "No feeder is at work, so workers get no more than what is on the queue already.",
      advice: "Start a feeder: ferry feeder",
    };
  }
  if (open.actors + todo.actors === 0 && !campaign.scanFinished) {
    return {
      limit: "finding_actors",
      sentence: "The feeder is still looking for actors, and workers have done all it found so far.",
      advice: "Nothing to turn: the scan goes on by itself.",
    };
  }
  if (open.actors + todo.actors === 0 && later.actors > 0) {
    return {
      limit: "deferred_actors",
      sentence: `What is left is deferred: ${plural(later.actors, "actor")}, awake or held by another migration, to be tried again later.`,
      advice: "Let them sleep, or create the next campaign with a lower --defer-limit.",
    };
  }
  return undefined;
}
