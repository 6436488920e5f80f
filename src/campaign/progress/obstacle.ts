import { isHalfCreated, type Campaign } from "../campaign.ts";
import type { CampaignCounts } from "../campaign-counts.ts";
import type { Heartbeat } from "../fleet/heartbeats.ts";
import { plural } from "../plural.ts";

/** What keeps a campaign from getting on whatever its pace was, by its state and by who and what is there. */
export type Obstacle =
  | "half_created"
  | "not_started"
  | "paused"
  | "over"
  | "queue"
  | "being_cancelled"
  | "no_workers"
  | "no_feeder"
  | "finding_actors"
  | "deferred_actors";

/** What is looked at for obstacles. */
export interface Standing {
  readonly campaign: Campaign;
  readonly counts: CampaignCounts;
  /** Workers heard of lately. */
  readonly workers: readonly Heartbeat[];
  /** Whether a feeder is at work. */
  readonly feeding: boolean;
}

/** The first obstacle that there is: what is named before hides what is named after. */
export function obstacleOf({ campaign, counts, workers, feeding }: Standing): Obstacle | undefined {
  switch (campaign.state) {
    case "created":
      return isHalfCreated(campaign) ? "half_created" : "not_started";
    case "paused":
      return "paused";
    case "completed":
    case "cancelled":
      return "over";
    case "running":
    case "draining":
      break;
  }
  if (needsQueue({ campaign, counts }) && queueLostText(workers) !== undefined) {
    return "queue";
  }
  if (campaign.state === "draining") {
    return "being_cancelled";
  }
  if (workers.length === 0) {
    return "no_workers";
  }
  const { todo, open, later } = counts;
  if (!feeding && (todo.actors + later.actors > 0 || !campaign.scanFinished)) {
    return "no_feeder";
  }
  if (todo.actors + open.actors > 0) {
    return undefined;
  }
  if (!campaign.scanFinished) {
    return "finding_actors";
  }
  return later.actors > 0 ? "deferred_actors" : undefined;
}

/** Whether a campaign needs the queue now. */
export function needsQueue({ campaign, counts }: Pick<Standing, "campaign" | "counts">): boolean {
  return campaign.state === "running" || (campaign.state === "draining" && counts.open.actors > 0);
}

/** Which workers have lost Redis, in words; undefined where none has. */
export function queueLostText(workers: readonly Heartbeat[]): string | undefined {
  const lost = workers.filter(({ queueLost }) => queueLost === true).length;
  return lost === 0
    ? undefined
    : `${lost} of ${plural(workers.length, "worker")} ${lost === 1 ? "has" : "have"} lost Redis`;
}
