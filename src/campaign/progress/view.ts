import type { Store, Transaction } from "../../store/store.ts";
import { readActivity } from "../fleet/activity.ts";
import type { Campaign } from "../campaign.ts";
import { readCounts, type CampaignCounts } from "../campaign-counts.ts";
import { findAgain, readCampaign } from "../campaign-store.ts";
import { readFeederLease } from "../feeder/feeder-lease.ts";
import { readFleetLimits, type FleetLimits } from "../fleet/fleet-limits.ts";
import { readWorkers, type Heartbeat } from "../fleet/heartbeats.ts";
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
  return store.transact(async (tx) => viewOf(tx, await readCampaign(tx, name), nowMs), { label: "campaign" });
}

/** The same of a campaign that was listed; undefined where it was deleted meanwhile. */
export async function findView(store: Store, campaign: Campaign, nowMs: number): Promise<CampaignView | undefined> {
  return store.transact(
    async (tx) => {
      const current = await findAgain(tx, campaign);
      return current === undefined ? undefined : viewOf(tx, current, nowMs);
    },
    { label: "campaign" },
  );
}

async function viewOf(tx: Transaction, campaign: Campaign, nowMs: number): Promise<CampaignView> {
  const { name } = campaign;
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
  return { atMs: nowMs, ...facts, progress: progressOf(facts), activityMs: Object.fromEntries(activity) };
}
