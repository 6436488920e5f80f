import { UsageError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { type Campaign, type CampaignSettings, type CampaignState, isOver } from "./campaign.ts";
import { breakerCounts, readCounts } from "./campaign-counts.ts";
import { applyVerdict, endVerdict } from "./campaign-end.ts";
import { addHistoryOnce, historyPlace, type Author } from "./campaign-history.ts";
import { readCampaign, writeCampaign } from "./campaign-store.ts";
import { setState } from "./set-state.ts";
import { withoutUndefined } from "./limits.ts";

/*
 * The states and who changes them:
 *
 *   created ──start──▶ running ◀─resume── paused ◀─pause, circuit breaker── running
 *   running, paused ──cancel──▶ draining ──(nothing in flight)──▶ cancelled                 by the feeder, or by cancel
 *   created ──cancel──▶ cancelled
 *   running ──(every actor done with)──▶ completed                                          by the feeder
 *
 * Every verb is idempotent: asked again it says what it found and changes nothing. But cancel ends a campaign of which nothing is in
 * flight any more: nobody must start a feeder for that.
 */

export type Verb = "start" | "pause" | "resume" | "cancel";

/** Who asks for a change, and when. */
export interface Asked {
  readonly author: Author;
  readonly nowMs: number;
}

/** What a verb did: `changed`, or `already` so. */
export interface VerbResult {
  readonly result: "changed" | "already";
  readonly before: CampaignState;
  readonly campaign: Campaign;
  /** Actors fed and not finished, at that moment. */
  readonly open: number;
}

const RULES: Record<Verb, { from: readonly CampaignState[]; already: readonly CampaignState[]; to: CampaignState }> = {
  start: { from: ["created"], already: ["running"], to: "running" },
  pause: { from: ["running"], already: ["paused"], to: "paused" },
  resume: { from: ["paused"], already: ["running"], to: "running" },
  cancel: { from: ["created", "running", "paused"], already: ["draining", "cancelled"], to: "draining" },
};

/** @throws UsageError when the campaign is in a state from which the verb leads nowhere; the message says which and what to do. */
export async function applyVerb(store: Store, name: string, verb: Verb, by: Asked): Promise<VerbResult> {
  const { author, nowMs } = by;
  const done = await changeByVerb(store, name, verb, by);
  const { campaign } = done;
  if (verb !== "cancel" || campaign.state !== "draining") {
    return done;
  }
  // In a transaction of its own: what was fed before the first one committed is counted now, and nothing is fed after it.
  // A millisecond later, as the history is in order of time.
  const counts = await store.transact(async (tx) => readCounts(tx, name), { label: "campaign" });
  const verdict = endVerdict(campaign, counts);
  const ended = verdict && (await applyVerdict(store, campaign, verdict, { author, nowMs: nowMs + 1 }));
  return { ...done, open: counts.open.actors, ...(ended === undefined ? {} : { result: "changed", campaign: ended }) };
}

async function changeByVerb(store: Store, name: string, verb: Verb, { author, nowMs }: Asked): Promise<VerbResult> {
  return store.transact(
    async (tx) => {
      const campaign = await readCampaign(tx, name);
      const counts = await readCounts(tx, name);
      const rule = RULES[verb];
      const found = { before: campaign.state, open: counts.open.actors };
      if (rule.already.includes(campaign.state)) {
        return { ...found, result: "already", campaign };
      }
      if (!rule.from.includes(campaign.state)) {
        throw new UsageError(
          `Campaign "${name}" is ${campaign.state}: ${verb} does nothing from there.${hint(campaign.state)}`,
        );
      }
      // Nothing of one that was never started can be under way: it must not wait for a feeder to come and end it.
      const to = verb === "cancel" && campaign.state === "created" ? "cancelled" : rule.to;
      const restarts = to === "running";
      const patch: Partial<Campaign> = {
        ...(restarts ? { breakerBase: breakerCounts(counts) } : {}),
        ...(verb === "start" ? { startedAtMs: nowMs } : {}),
        ...(to === "cancelled" ? { finishedAtMs: nowMs } : {}),
      };
      const changed = setState(tx, campaign, { state: to, what: verb, nowMs, patch }, author);
      return { ...found, result: "changed", campaign: changed };
    },
    { label: "campaign" },
  );
}

/** New values of settings; undefined lifts a limit. */
export interface SettingsPatch {
  readonly window?: number;
  readonly actorsPerSecond?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  readonly concurrentActors?: number | undefined;
  readonly ratesUntilMs?: number | undefined;
}

/** Changes the settings that may change, and keeps what they were in the history. @throws UsageError when the campaign is over. */
export async function changeSettings(
  store: Store,
  name: string,
  patch: SettingsPatch,
  { author, nowMs }: Asked,
): Promise<Campaign> {
  const place = historyPlace();
  return store.transact(
    async (tx) => {
      const campaign = await readCampaign(tx, name);
      if (isOver(campaign)) {
        throw new UsageError(`Campaign "${name}" is ${campaign.state}: its settings change nothing any more.`);
      }
      const changed: Campaign = { ...campaign, settings: patched(campaign.settings, patch) };
      writeCampaign(tx, changed);
      const values = { before: campaign.settings, after: changed.settings };
      await addHistoryOnce(tx, name, { atMs: nowMs, what: "set", ...values, ...author }, place);
      return changed;
    },
    { label: "campaign" },
  );
}

function patched(settings: CampaignSettings, patch: SettingsPatch): CampaignSettings {
  const merged = { ...settings, ...patch };
  return { ...withoutUndefined(merged), window: merged.window };
}

function hint(state: CampaignState): string {
  switch (state) {
    case "created":
      return " Start it first.";
    case "paused":
      return " Resume or cancel it.";
    case "running":
      return " Pause or cancel it.";
    case "draining":
      return " It is being cancelled.";
    case "completed":
    case "cancelled":
      return " It is over; create another.";
  }
}
