import { limitsInForce, ratesInForce, type Limits } from "../campaign.ts";
import { plural } from "../plural.ts";
import { LIMITS_OF } from "../progress.ts";
import type { CampaignView } from "../view.ts";
import type { Finding } from "./explanation.ts";
import { isYoung } from "./workers-time.ts";

/** From this share of what rates allow, they count as reached. */
const REACHED = 0.9;
const MIB = 1024 * 1024;

/**
 * What an operator's limits explain: where workers say that they hold back, where a limit is reached, or where workers wait while the feeder
 * keeps to a rate.
 */
export function findingOfLimits(
  view: CampaignView,
  { isThrottled, isWaiting }: { isThrottled: boolean; isWaiting: boolean },
): Finding | undefined {
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

/** Whether a limit on actors at once is reached. More than it allows may be under way: those had begun before it was set. */
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
