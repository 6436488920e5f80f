import { setTimeout as sleep } from "node:timers/promises";
import { isOver } from "../../campaign/campaign.ts";
import { readView, type CampaignView } from "../../campaign/progress/view.ts";
import type { Store } from "../../store/store.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import type { Run } from "../run.ts";
import { readDuration } from "./flag-values.ts";
import { viewJson } from "./show.ts";
import { plainLine } from "./watch-lines.ts";

const LOOK_EVERY_MS = 1_000;
const SAY_EVERY_MS = 30_000;

/** `ferry campaign wait`: until the campaign is over; the exit status says how it ended. */
export async function waitFor(run: Run, name: string, flags: { timeout?: string }): Promise<ExitStatus> {
  const untilMs = flags.timeout === undefined ? Infinity : Date.now() + readDuration("--timeout", flags.timeout);
  const store = await run.openStore({ readOnly: true });
  const view = await viewAtEnd(run, store, name, untilMs).catch((error: unknown) => {
    if (run.signal.aborted) {
      run.notes.say("No longer waiting; the campaign goes on.");
    }
    throw error;
  });
  await run.output.line(run.json ? viewJson(view) : plainLine(view));
  if (!isOver(view.campaign)) {
    run.notes.say("Not over yet; no longer waiting. The campaign goes on.");
  }
  return resultOf(view);
}

/** The campaign when it is over, or at that time. */
async function viewAtEnd(run: Run, store: Store, name: string, untilMs: number): Promise<CampaignView> {
  let saidAtMs = 0;
  for (;;) {
    const view = await readView(store, name, Date.now());
    if (isOver(view.campaign) || Date.now() >= untilMs) {
      return view;
    }
    if (Date.now() - saidAtMs >= SAY_EVERY_MS) {
      saidAtMs = Date.now();
      run.notes.say(plainLine(view));
    }
    await sleep(Math.min(LOOK_EVERY_MS, untilMs - Date.now()), undefined, { signal: run.signal });
  }
}

/** 0 only for a campaign that completed and left nobody behind: none rejected, failed or given up as deferred. */
export function resultOf({ campaign, counts }: CampaignView): ExitStatus {
  const { rejected, failed, deferred } = counts.done;
  const leftBehind = rejected.actors + failed.actors + deferred.actors;
  return campaign.state === "completed" && leftBehind === 0 ? EXIT.done : EXIT.rejected;
}
