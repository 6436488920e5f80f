import type { Store } from "../store/store.ts";
import { readActivity } from "./activity.ts";
import type { Campaign } from "./campaign.ts";
import { readCounts, type CampaignCounts } from "./campaign-counts.ts";
import { readCampaign } from "./campaign-store.ts";
import { readFeederLease } from "./feeder-lease.ts";
import { readFleetLimits, readWorkers, type FleetLimits, type Heartbeat } from "./fleet.ts";
import { progressOf, RATE_SAMPLES, type Progress } from "./progress.ts";
import { readSamples, type Sample } from "./samples.ts";

/** A campaign at one moment, from its counts alone: as quick for a million actors as for one. */
export interface CampaignView {
  readonly atMs: number;
  readonly campaign: Campaign;
  readonly counts: CampaignCounts;
  readonly samples: readonly Sample[];
  readonly progress: Progress;
  /** Workers heard of lately, of the whole fleet. */
  readonly workers: readonly Heartbeat[];
  readonly fleet: FleetLimits;
  /** Whether a feeder is at work. */
  readonly feeding: boolean;
  /** Milliseconds of workers' time since the campaign began, by activity. */
  readonly activityMs: Readonly<Record<string, number>>;
}

/** Reads a campaign's view in one transaction. @throws UsageError when there is none of this name. */
export async function readView(store: Store, name: string, nowMs: number): Promise<CampaignView> {
  return store.transact(
    async (tx) => {
      const campaign = await readCampaign(tx, name);
      const [counts, samples, workers, fleet, lease, activity] = await Promise.all([
        readCounts(tx, name),
        readSamples(tx, name, RATE_SAMPLES),
        readWorkers(tx, nowMs),
        readFleetLimits(tx, nowMs),
        readFeederLease(tx),
        readActivity(tx, name),
      ]);
      const feeding = lease !== undefined && nowMs < lease.expiresAtMs;
      const facts = { campaign, counts, samples, workers, fleet, feeding, nowMs };
      const activityMs = Object.fromEntries(activity);
      return { atMs: nowMs, ...facts, progress: progressOf(facts), activityMs };
    },
    { label: "campaign" },
  );
}
