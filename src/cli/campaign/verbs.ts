import { setTimeout as sleep } from "node:timers/promises";
import { readCampaign } from "../../campaign/campaign-store.ts";
import { applyVerb, type Verb, type VerbResult } from "../../campaign/campaign-verbs.ts";
import { explainCampaign } from "../../campaign/explain/explain-campaign.ts";
import { readView } from "../../campaign/progress/view.ts";
import type { Store } from "../../store/store.ts";
import type { Run } from "../run.ts";
import { authorOf, type ReasonFlag } from "./author.ts";
import { assertWhole } from "./half-created.ts";
import { plural } from "../../campaign/plural.ts";
import { sayHelpers } from "./presence.ts";

const LOOK_EVERY_MS = 500;

/** Flags of `start`, `pause`, `resume` and `cancel`; the last two of them wait. */
export interface VerbFlags extends ReasonFlag {
  readonly wait?: boolean;
}

/** Changes a campaign's state, says what was found and what happens next, and waits for what is in flight where that is asked for. */
export async function changeState(run: Run, name: string, verb: Verb, flags: VerbFlags): Promise<undefined> {
  const store = await run.openStore();
  if (verb === "start") {
    // It would never complete.
    assertWhole(await store.transact(async (tx) => readCampaign(tx, name), { label: "campaign" }));
  }
  const done = await applyVerb(store, name, verb, { author: authorOf(run, flags), nowMs: Date.now() });
  if (flags.wait === true) {
    run.notes.say(nextOf(verb, done));
    await waitUntilIdle(run, store, name, () =>
      applyVerb(store, name, "cancel", { author: authorOf(run, flags), nowMs: Date.now() }),
    );
  }
  const view = await readView(store, name, Date.now());
  const { state } = view.campaign;
  const inFlight = view.counts.open.actors;
  if (run.json) {
    await run.output.line(JSON.stringify({ result: done.result, name, before: done.before, state, inFlight }));
  } else {
    const found = done.result === "already" ? `was ${done.before} already` : `${done.before} → ${state}`;
    await run.output.line(`campaign ${name}: ${found}, ${plural(inFlight, "actor")} in flight`);
    if (flags.wait !== true) {
      run.notes.say(nextOf(verb, done));
    }
  }
  if (state === "running") {
    sayHelpers(run, view);
  } else if (state === "draining") {
    run.notes.say(explainCampaign(view).advice);
  }
}

function nextOf(verb: Verb, { open, campaign }: VerbResult): string {
  const { name, state } = campaign;
  switch (verb) {
    case "start":
    case "resume":
      return state === "running" ? `Next: ferry campaign watch ${name}` : "";
    case "pause":
      return open === 0
        ? `Nothing is in flight. Next: ferry campaign resume ${name}`
        : `${plural(open, "actor")} in flight: those under way are finished, the others go back. Next: ferry campaign resume ${name}`;
    case "cancel":
      return state === "cancelled"
        ? "It is over."
        : `${plural(open, "actor")} in flight: those under way are finished, the others stay undone; then it is cancelled.`;
  }
}

/** Waits until nothing of the campaign is in flight; where it is being cancelled, cancels again then, which ends it. */
async function waitUntilIdle(run: Run, store: Store, name: string, cancel: () => Promise<unknown>): Promise<void> {
  let said = -1;
  for (;;) {
    const view = await readView(store, name, Date.now());
    const open = view.counts.open.actors;
    if (open === 0) {
      await (view.campaign.state === "draining" ? cancel() : undefined);
      return;
    }
    if (view.workers.length === 0) {
      run.notes.say(`No worker is connected, so none of the ${open} actors is under way; not waiting for them.`);
      return;
    }
    if (open !== said) {
      said = open;
      const lost = view.feeding ? "" : "; no feeder is at work that would find them again if Redis lost their jobs";
      run.notes.say(`${plural(open, "actor")} in flight${lost}`);
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal: run.signal }).catch((error: unknown) => {
      if (run.signal.aborted) {
        run.notes.say(`No longer waiting; campaign ${name} stays ${view.campaign.state}.`);
      }
      run.signal.throwIfAborted();
      throw error;
    });
  }
}
