import type { CampaignView } from "../../campaign/progress/view.ts";
import type { Run } from "../run.ts";

/** Warns when nobody is there to do the work: a campaign without them stands still without a word. */
export function sayHelpers(run: Run, { workers, feeding }: Pick<CampaignView, "workers" | "feeding">): void {
  if (!feeding) {
    run.notes.say("No feeder is at work: nothing is fed until one is started with ferry feeder.");
  }
  if (workers.length === 0) {
    run.notes.say("No worker is connected: nothing is migrated until one is started with ferry worker.");
  }
}
