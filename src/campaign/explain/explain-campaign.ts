import { obstacleOf } from "../progress/obstacle.ts";
import { percentagesOf } from "../progress/percentages.ts";
import type { CampaignView } from "../progress/view.ts";
import type { Explanation } from "./explanation.ts";
import { findingOfObstacle } from "./obstacle-finding.ts";
import { isQueueOut, type QueueLook } from "./queue-finding.ts";
import { findingOfTime } from "./time-finding.ts";
import { workersTime } from "./workers-time.ts";

/** Names what limits a campaign now; `look` where somebody has looked at the queue. The first that explains it is the one. */
export function explainCampaign(view: CampaignView, look?: QueueLook): Explanation {
  const { amounts, of } = workersTime(view);
  const attribution = percentagesOf(amounts);
  const obstacle = isQueueOut(view, look) ? "queue" : obstacleOf(view);
  const finding =
    obstacle === undefined ? findingOfTime(view, attribution, look) : findingOfObstacle(obstacle, view, look);
  return { ...finding, attribution, attributionOf: of };
}
