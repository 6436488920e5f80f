import { limitsInForce, LIMITS_OF, type Limits, type LimitsInForce } from "../limits.ts";
import { plural } from "../plural.ts";
import type { CampaignView } from "../progress/view.ts";
import type { Finding } from "./explanation.ts";
import { isYoung } from "./workers-time.ts";

/** From this share of what rates allow, they count as reached. */
const REACHED = 0.9;
const MIB = 1024 * 1024;

/** Flags of `ferry campaign set`. */
const FLAGS = { actorsPerSecond: "--rate", bytesPerSecond: "--bytes-rate", concurrentActors: "--concurrent" } as const;

/**
 * What an operator's limits explain: where a limit is reached, where workers say that they hold back, or where they wait while the feeder
 * keeps to a rate.
 */
export function findingOfLimits(
  view: CampaignView,
  workers: { isThrottled: boolean; isWaiting: boolean },
): Finding | undefined {
  const holding = limitsThatHold(view, workers);
  if (holding.length === 0) {
    return undefined;
  }
  const mostAtOnce = Math.min(...holding.map(({ limits }) => limits.concurrentActors ?? Infinity));
  const begun =
    view.counts.open.actors > mostAtOnce
      ? ` ${plural(view.counts.open.actors, "actor")} had begun before, and go on.`
      : "";
  const allowed = holding.map(({ of, limits }) => `${LIMITS_OF[of]} allow: ${limitsInWords(limits)}`);
  const lifting = holding.map(({ of, limits }) =>
    of === "fleet" ? "ferry throttle clear" : `ferry campaign set ${view.campaign.name} ${flagsOf(limits)}`,
  );
  return {
    limit: "operator",
    sentence: `It goes no faster than ${allowed.join("; nor than ")}.${begun}`,
    advice: `Raise or lift them: ${lifting.join(", and ")}`,
  };
}

/** Those that are reached; where none is by this campaign alone, as others share the fleet's, all that may be what holds it back. */
function limitsThatHold(
  view: CampaignView,
  { isThrottled, isWaiting }: { isThrottled: boolean; isWaiting: boolean },
): readonly LimitsInForce[] {
  const inForce = limitsInForce(view.campaign, view.fleet, view.atMs);
  const reached = inForce.filter(({ limits }) => isReached(limits, view));
  if (reached.length > 0) {
    return reached;
  }
  if (isThrottled) {
    return inForce;
  }
  return isWaiting ? inForce.filter(({ limits }) => keepsPaceWith(limits, view)) : [];
}

/** Whether actors wait to be fed while it goes about as fast as rates allow; not when it goes at a fraction of that. */
function keepsPaceWith({ actorsPerSecond, bytesPerSecond }: Limits, view: CampaignView): boolean {
  const isLimited = (actorsPerSecond ?? bytesPerSecond) !== undefined && view.counts.todo.actors > 0;
  const isFast = actorsPerSecond === undefined || view.progress.actorsPerSecond >= actorsPerSecond / 2;
  return isLimited && (isFast || isYoung(view));
}

/**
 * Whether it goes as fast as rates allow, or has as many actors under way at once, with some left to be fed. More than a limit allows may
 * be under way: those had begun before it was set.
 */
function isReached(
  { actorsPerSecond = Infinity, bytesPerSecond = Infinity, concurrentActors = Infinity }: Limits,
  { counts, progress }: CampaignView,
): boolean {
  const isAtRate =
    progress.actorsPerSecond >= REACHED * actorsPerSecond || progress.bytesPerSecond >= REACHED * bytesPerSecond;
  return counts.todo.actors > 0 && (isAtRate || counts.open.actors >= concurrentActors);
}

/** Limits as people read them. */
function limitsInWords({ actorsPerSecond, bytesPerSecond, concurrentActors }: Limits): string {
  return [
    ...(actorsPerSecond === undefined ? [] : [`${actorsPerSecond} actors/s`]),
    ...(bytesPerSecond === undefined ? [] : [`${Number((bytesPerSecond / MIB).toPrecision(3))} MiB/s`]),
    ...(concurrentActors === undefined ? [] : [`${plural(concurrentActors, "actor")} at once`]),
  ].join(", ");
}

function flagsOf(limits: Limits): string {
  return Object.entries(FLAGS)
    .filter(([name]) => limits[name as keyof typeof FLAGS] !== undefined)
    .map(([, flag]) => `${flag} off`)
    .join(" ");
}
