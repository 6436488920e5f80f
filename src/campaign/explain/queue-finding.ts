import { finishedAndBad } from "../campaign-counts.ts";
import { needsQueue, queueLostText } from "../progress/obstacle.ts";
import { plural } from "../plural.ts";
import type { CampaignView } from "../progress/view.ts";
import { sentenceOf, type Finding } from "./explanation.ts";

/** Something done since a sample of between so long ago shows that a campaign moves; the feeder takes one every ten seconds. */
const MOVING_MS = 5_000;
const STALE_MS = 20_000;

/** What a look at the queue from here has found. */
export type QueueLook =
  | {
      readonly kind: "seen";
      readonly waiting: number;
      readonly active: number;
      readonly delayed: number;
      /** Workers that Redis knows of, where it says so. */
      readonly connected?: number | undefined;
    }
  /** `because` is a sentence; `answers`: Redis did answer, with a refusal. */
  | { readonly kind: "unreachable"; readonly because: string; readonly answers: boolean };

/**
 * Whether it was seen from here that the queue, which the campaign needs, cannot be used. That counts only while no worker works on
 * anything and nothing gets done: they may well reach a Redis that this machine cannot, or go on with one that is refused to whoever comes.
 */
export function isQueueOut(view: CampaignView, look: QueueLook | undefined): boolean {
  const isIdle = view.workers.every(({ inFlight }) => Object.values(inFlight).every((count) => count === 0));
  return look?.kind === "unreachable" && needsQueue(view) && isIdle && !isMoving(view);
}

/** At a low rate workers have nothing under way most of the time. */
function isMoving({ samples, counts, atMs }: CampaignView): boolean {
  const before = samples.findLast((sample) => sample.atMs <= atMs - MOVING_MS);
  return before !== undefined && before.atMs > atMs - STALE_MS && finishedAndBad(counts).finished > before.done;
}

/** What a queue that is out explains; workers' word on it comes first. */
export function findingOfQueue({ workers }: CampaignView, look: QueueLook | undefined): Finding {
  const lost = queueLostText(workers);
  const seen = look?.kind === "unreachable" ? look.because : undefined;
  const because = lost === undefined || seen === undefined ? (lost ?? seen ?? "") : `${lost}. From here: ${seen}`;
  const what =
    lost === undefined && look?.kind === "unreachable" && look.answers ? "cannot be used" : "cannot be reached";
  return {
    limit: "queue",
    sentence: sentenceOf(`The queue ${what}, so nothing is fed and no worker gets an actor: ${because}`),
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

/**
 * What jobs in backoff explain: actors that were fed, and neither wait for a worker nor are under way. Only the queue knows of them, and its
 * numbers are of all campaigns: they say how many of this one's there are at most.
 */
export function findingOfRetries({ counts }: CampaignView, look: QueueLook | undefined): Finding | undefined {
  if (look?.kind !== "seen") {
    return undefined;
  }
  const { waiting, active, delayed } = look;
  const retrying = Math.min(delayed, counts.open.actors - waiting - active);
  return retrying > counts.open.actors / 2
    ? {
        limit: "retries",
        sentence: `Most of what was fed waits to be tried again after errors: ${plural(retrying, "actor")}.`,
        advice:
          "Mend what every attempt meets: see queue.job_retrying and queue.job_waits_for_store in the workers' log.",
      }
    : undefined;
}
