import type { Share } from "../progress/percentages.ts";
import { plural } from "../plural.ts";
import type { CampaignView } from "../progress/view.ts";
import type { Finding } from "./explanation.ts";
import { findingOfLimits } from "./limits-finding.ts";
import { findingOfRetries, type QueueLook } from "./queue-finding.ts";
import { isYoung } from "./workers-time.ts";

/** From these shares of workers' time on, an activity names the limit. */
const THROTTLED_PERCENT = 25;
const IDLE_PERCENT = 50;

/** What explains itself by where workers' time goes. */
export function findingOfTime(view: CampaignView, attribution: readonly Share[], look?: QueueLook): Finding {
  const { counts, workers } = view;
  const percentOf = (name: string): number => attribution.find((share) => share.name === name)?.percent ?? 0;
  const because = workers.find(({ throttledBecause: reason }) => reason !== undefined)?.throttledBecause;
  if (percentOf("throttled_store") >= THROTTLED_PERCENT || workers.every(({ limit }) => limit === 0)) {
    return {
      limit: "store",
      sentence: `The store is the limit: workers hold back ${percentOf("throttled_store")} % of their time${because === undefined ? "" : `, as ${because}`}.`,
      advice: "Give the store more room, or run fewer workers: more of them would only wait.",
    };
  }
  const waiting = percentOf("idle") + percentOf("paused");
  const isWaiting = waiting >= IDLE_PERCENT;
  const isThrottled = percentOf("throttled_operator") >= THROTTLED_PERCENT;
  const retrying = isWaiting ? findingOfRetries(view, look) : undefined;
  if (retrying !== undefined) {
    return retrying;
  }
  const held = findingOfLimits(view, { isThrottled, isWaiting });
  if (held !== undefined) {
    return held;
  }
  if (isWaiting) {
    return isYoung(view) ? TOO_EARLY : findingOfIdleness(view, waiting, look);
  }
  const [busiest] = attribution.filter(({ name }) => name !== "idle" && name !== "paused");
  const slots = workers.reduce((sum, worker) => sum + worker.concurrency, 0);
  return {
    limit: "workers",
    sentence:
      busiest === undefined
        ? `${counts.open.actors} actors are in flight, and workers have not told yet what they spend their time with.`
        : `The workers are the limit: all are busy, most of all with ${busiest.name} (${busiest.percent} % of their time).`,
    advice: `Run more workers (now ${workers.length}, ${slots} slots in all), or more slots in each: ferry worker --concurrency`,
  };
}

function findingOfIdleness(view: CampaignView, idle: number, look: QueueLook | undefined): Finding {
  const { campaign, counts, workers } = view;
  const slots = workers.reduce((sum, worker) => sum + worker.concurrency, 0);
  if (counts.todo.actors > 0 && campaign.settings.window < 2 * slots) {
    return {
      limit: "window",
      sentence: `The window of ${campaign.settings.window} actors is too small for ${slots} slots, which are ${idle} % idle.`,
      advice: `Widen it: ferry campaign set ${campaign.name} --window ${Math.max(10 * slots, 100)}`,
    };
  }
  const isAllFed = counts.todo.actors === 0 || counts.open.actors >= campaign.settings.window;
  if (look === undefined && isAllFed && counts.open.actors > slots) {
    return {
      limit: "retries",
      sentence: `Workers are ${idle} % idle though ${counts.open.actors} actors were fed: these wait to be tried again after errors, or Redis is slow.`,
      advice: `See which: ferry campaign explain ${campaign.name}`,
    };
  }
  if (counts.todo.actors === 0) {
    return {
      limit: "tail",
      sentence: `It is at its tail: the last ${plural(counts.open.actors, "actor")} in flight leave most of ${plural(slots, "slot")} free (${idle} % idle).`,
      advice: "Nothing to turn: an actor is migrated by one slot. Workers can be taken away now.",
    };
  }
  return {
    limit: "feeding",
    sentence: `Workers are ${idle} % idle though ${counts.todo.actors} actors wait to be fed: the feeder or Redis is the limit.`,
    advice: "Look at the feeder's log and at Redis; fewer workers would do as well.",
  };
}

const TOO_EARLY: Finding = {
  limit: "too_early",
  sentence:
    "It has run for less than a minute, and workers' last minute says little of that: too early to say what limits it.",
  advice: "Ask again in a minute.",
};
