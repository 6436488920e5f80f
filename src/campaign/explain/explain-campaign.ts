import { isOver, limitsInForce, ratesInForce, type Limits } from "./campaign.ts";
import { percentagesOf, type Share } from "./percentages.ts";
import { plural } from "./plural.ts";
import { LIMITS_OF, queueLostText } from "./progress.ts";
import type { CampaignView } from "./view.ts";

/** What limits a campaign now, in a word: for machines; the sentence is for people. */
export type Limit =
  | "not_started"
  | "paused"
  | "being_cancelled"
  | "too_early"
  | "over"
  | "no_workers"
  | "no_feeder"
  | "queue"
  | "retries"
  | "finding_actors"
  | "deferred_actors"
  | "store"
  | "operator"
  | "window"
  | "tail"
  | "feeding"
  | "workers";

/** What limits a campaign, where workers' time goes, and the one setting to turn. */
export interface Explanation {
  readonly limit: Limit;
  readonly sentence: string;
  /** Workers' time by activity: whole percentages that add up to 100; empty when no worker has spent any. */
  readonly attribution: readonly Share[];
  /** Of which time that is. */
  readonly attributionOf: "the last minute" | "the time since workers started" | "the whole campaign";
  /** What to do, and the command or setting for it. */
  readonly advice: string;
}

/** What a look at the queue from here has found. */
export type QueueLook =
  | { readonly kind: "seen"; readonly waiting: number; readonly active: number; readonly delayed: number }
  /** `because` is a sentence; `answers`: Redis did answer, with a refusal. */
  | { readonly kind: "unreachable"; readonly because: string; readonly answers: boolean };

/** Shares of workers' time from which on they say what the limit is. */
const THROTTLED_PERCENT = 25;
const IDLE_PERCENT = 50;
/** Of what rates allow: from there on they are reached. */
const REACHED = 0.9;
/** Workers tell where their last minute went: of a campaign that runs for less than that it is mostly what came before. */
const TELLING_MS = 60_000;
const MIB = 1024 * 1024;

/** Names what limits a campaign now; `look` where somebody has looked at the queue. */
export function explainCampaign(view: CampaignView, look?: QueueLook): Explanation {
  const { amounts, of } = workersTime(view);
  const attribution = percentagesOf(amounts);
  return { ...verdictOf(view, attribution, look), attribution, attributionOf: of };
}

/** Whether a campaign needs the queue now. */
export function needsQueue({ campaign, counts }: CampaignView): boolean {
  return campaign.state === "running" || (campaign.state === "draining" && counts.open.actors > 0);
}

type Verdict = Pick<Explanation, "limit" | "sentence" | "advice">;

function verdictOf(view: CampaignView, attribution: readonly Share[], look?: QueueLook): Verdict {
  return (
    verdictOfQueue(view, look) ??
    verdictOfState(view) ??
    verdictOfPresence(view) ??
    verdictOfTime(view, attribution, look)
  );
}

/**
 * Workers' word counts; what was seen from here only while none of them works on anything, as they may well reach a Redis that this
 * machine does not.
 */
function verdictOfQueue(view: CampaignView, look: QueueLook | undefined): Verdict | undefined {
  const { workers } = view;
  if (!needsQueue(view)) {
    return undefined;
  }
  const lost = queueLostText(workers);
  const isIdle = workers.every(({ inFlight }) => Object.values(inFlight).every((count) => count === 0));
  const seen = look?.kind === "unreachable" ? look.because : undefined;
  if (lost === undefined && (seen === undefined || !isIdle)) {
    return undefined;
  }
  const because = lost === undefined || seen === undefined ? (lost ?? seen) : `${lost}. From here: ${seen}`;
  return {
    limit: "queue",
    sentence: `The queue cannot be reached, so nothing is fed and no worker gets an actor: ${because}`.replace(
      /\.?$/,
      ".",
    ),
    advice: `${adviceOfQueue(look)}${workers.length === 0 ? " And no worker is connected: ferry worker" : ""}`,
  };
}

function adviceOfQueue(look: QueueLook | undefined): string {
  if (look?.kind === "seen") {
    return "Redis answers from here: look at what is between it and the workers, and at the user and password they have.";
  }
  return look?.answers === true
    ? "Mend what it says, for workers and the feeder as well: they go on by themselves."
    : "Bring Redis back, empty if need be: the feeder fills it again from the ledger.";
}

/** What a campaign's state alone explains. */
function verdictOfState(view: CampaignView): Verdict | undefined {
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
        sentence: `Campaign ${name} is paused${stateReason === undefined ? "" : `: ${stateReason}`}`.replace(
          /\.?$/,
          ".",
        ),
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
function verdictOfPresence({ campaign, counts, workers, feeding }: CampaignView): Verdict | undefined {
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

/** What explains itself by where workers' time goes. */
function verdictOfTime(view: CampaignView, attribution: readonly Share[], look?: QueueLook): Verdict {
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
  const retrying = isWaiting ? verdictOfRetries(view, look) : undefined;
  if (retrying !== undefined) {
    return retrying;
  }
  const held = verdictOfLimits(view, { isThrottled, isWaiting });
  if (held !== undefined) {
    return held;
  }
  if (isWaiting) {
    return isYoung(view) ? TOO_EARLY : verdictOfIdleness(view, waiting, look);
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

/**
 * What an operator's limits explain: workers say that they hold back, or limits are reached, or what is fed keeps to them while workers wait
 * for more.
 */
function verdictOfLimits(
  view: CampaignView,
  { isThrottled, isWaiting }: { isThrottled: boolean; isWaiting: boolean },
): Verdict | undefined {
  const { campaign, fleet, atMs } = view;
  const inForce = limitsInForce(campaign, fleet, atMs);
  if (inForce === undefined) {
    return undefined;
  }
  const { of, limits } = inForce;
  if (!isThrottled && !isHeld(view) && !reaches(limits, view) && !(isWaiting && keepsPaceWith(limits, view))) {
    return undefined;
  }
  const begun =
    view.counts.open.actors > mostAtOnce(view)
      ? ` ${plural(view.counts.open.actors, "actor")} had begun before, and go on.`
      : "";
  return {
    limit: "operator",
    sentence: `It goes no faster than ${LIMITS_OF[of]} allow: ${limitsInWords(limits)}.${begun}`,
    advice:
      of === "fleet"
        ? "Raise or lift them: ferry throttle clear"
        : `Raise or lift them: ferry campaign set ${campaign.name} ${settingOf(limits)} off`,
  };
}

/**
 * What jobs in backoff explain, of which neither workers nor the feeder know: what was fed, and neither waits nor is under way. The queue's
 * numbers are of all campaigns, so as many as they say of this one's may do so at most.
 */
function verdictOfRetries({ counts }: CampaignView, look: QueueLook | undefined): Verdict | undefined {
  if (look?.kind !== "seen") {
    return undefined;
  }
  const { waiting, active, delayed } = look;
  const retrying = Math.min(delayed, counts.open.actors - waiting - active);
  return retrying > counts.open.actors / 2
    ? {
        limit: "retries",
        sentence: `Most of what was fed waits to be tried again after errors: ${plural(retrying, "actor")}.`,
        advice: "Mend what every attempt meets: see queue.job_retrying in the workers' log.",
      }
    : undefined;
}

function verdictOfIdleness(view: CampaignView, idle: number, look: QueueLook | undefined): Verdict {
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

const TOO_EARLY: Verdict = {
  limit: "too_early",
  sentence:
    "It has run for less than a minute, and workers' last minute says little of that: too early to say what limits it.",
  advice: "Ask again in a minute.",
};

function isYoung({ campaign, atMs }: CampaignView): boolean {
  return atMs - campaign.stateSinceMs < TELLING_MS;
}

/** Whether actors wait to be fed while it goes about as fast as rates allow; not when it goes at a fraction of that. */
function keepsPaceWith({ actorsPerSecond, bytesPerSecond }: Limits, view: CampaignView): boolean {
  const isLimited = (actorsPerSecond ?? bytesPerSecond) !== undefined && view.counts.todo.actors > 0;
  const isFast = actorsPerSecond === undefined || view.progress.actorsPerSecond >= actorsPerSecond / 2;
  return isLimited && (isFast || isYoung(view));
}

/** Whether it goes as fast as rates allow, with actors left to be fed. */
function reaches({ actorsPerSecond = Infinity, bytesPerSecond = Infinity }: Limits, view: CampaignView): boolean {
  const { actorsPerSecond: actors, bytesPerSecond: bytes } = view.progress;
  const isReached = actors >= REACHED * actorsPerSecond || bytes >= REACHED * bytesPerSecond;
  return view.counts.todo.actors > 0 && isReached;
}

/** Whether a limit on actors at once is reached. What waits beyond it is taken off the queue, so that more than it allows have begun before. */
function isHeld(view: CampaignView): boolean {
  return view.counts.todo.actors > 0 && view.counts.open.actors >= mostAtOnce(view);
}

function mostAtOnce({ campaign, fleet, atMs }: CampaignView): number {
  return Math.min(ratesInForce(campaign, atMs).concurrentActors ?? Infinity, fleet.concurrentActors ?? Infinity);
}

/** Limits as people read them. */
function limitsInWords({ actorsPerSecond, bytesPerSecond, concurrentActors }: Limits): string {
  const words = [
    ...(actorsPerSecond === undefined ? [] : [`${actorsPerSecond} actors/s`]),
    ...(bytesPerSecond === undefined ? [] : [`${Number((bytesPerSecond / MIB).toPrecision(3))} MiB/s`]),
    ...(concurrentActors === undefined ? [] : [`${concurrentActors} actors at once`]),
  ];
  return words.length === 0 ? "no limits" : words.join(", ");
}

function settingOf({ actorsPerSecond, bytesPerSecond }: Limits): string {
  return actorsPerSecond !== undefined ? "--rate" : bytesPerSecond !== undefined ? "--bytes-rate" : "--concurrent";
}

/** Workers' time as it is known: of the last minute, else since they started; of a campaign that is over, what it took. */
function workersTime(view: CampaignView): { amounts: Record<string, number>; of: Explanation["attributionOf"] } {
  if (isOver(view.campaign) || view.workers.length === 0) {
    return { amounts: { ...view.activityMs }, of: "the whole campaign" };
  }
  const recent = view.workers.flatMap(({ recentSeconds }) => (recentSeconds === undefined ? [] : [recentSeconds]));
  return recent.length === view.workers.length
    ? { amounts: sumOf(recent), of: "the last minute" }
    : { amounts: sumOf(view.workers.map((worker) => worker.activitySeconds)), of: "the time since workers started" };
}

function sumOf(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [activity, seconds] of parts.flatMap((part) => Object.entries(part))) {
    sums[activity] = (sums[activity] ?? 0) + seconds;
  }
  return sums;
}
