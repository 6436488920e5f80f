import { percentagesOf } from "../percentages.ts";
import type { CampaignView } from "../view.ts";
import type { Explanation } from "./explanation.ts";
import { findingOfQueue, type QueueLook } from "./queue-finding.ts";
import { findingOfPresence, findingOfState } from "./standing-finding.ts";
import { findingOfTime } from "./time-finding.ts";
import { workersTime } from "./workers-time.ts";

/** Names what limits a campaign now; `look` where somebody has looked at the queue. The first that explains it is the one. */
export function explainCampaign(view: CampaignView, look?: QueueLook): Explanation {
  const { amounts, of } = workersTime(view);
  const attribution = percentagesOf(amounts);
  const finding =
    findingOfQueue(view, look) ??
    findingOfState(view) ??
    findingOfPresence(view) ??
    findingOfTime(view, attribution, look);
  return { ...finding, attribution, attributionOf: of };
}
