import { isOver } from "../campaign.ts";
import type { CampaignView } from "../progress/view.ts";
import type { Explanation } from "./explanation.ts";

/** Workers report where their last minute went. For a campaign that has run for less, most of that is about what ran before. */
const TELLING_MS = 60_000;

/** Workers' time as it is known: of the last minute, else since they started; of a campaign that is over, what it took. */
export function workersTime(view: CampaignView): { amounts: Record<string, number>; of: Explanation["attributionOf"] } {
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

/** Whether workers' last minute says little of the campaign yet. */
export function isYoung({ campaign, atMs }: CampaignView): boolean {
  return atMs - campaign.stateSinceMs < TELLING_MS;
}
