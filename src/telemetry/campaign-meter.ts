import { OUTCOME_STATES } from "../migration/outcome.ts";
import type { Campaign } from "../campaign/campaign.ts";
import type { CampaignCounts } from "../campaign/campaign-counts.ts";
import type { Heartbeat } from "../campaign/fleet.ts";
import type { QueueCounts } from "../queue/queue-scripts.ts";
import type { Metrics } from "./metrics.ts";

/**
 * Sets the gauges of campaigns, in the feeder that feeds; the others show none, so that sums are right.
 * `slotsPerWorker`: how many actors one worker takes at once, for the number of workers that the work calls for.
 */
export class CampaignMeter {
  readonly #metrics: Metrics;
  readonly #slotsPerWorker: number;
  readonly #states = new Map<string, Campaign["state"]>();
  #leads = false;

  constructor(metrics: Metrics, slotsPerWorker: number) {
    this.#metrics = metrics;
    this.#slotsPerWorker = slotsPerWorker;
  }

  leading(leads: boolean): void {
    this.#leads = leads;
    if (!leads) {
      const { campaignActors, campaignBytes, campaignInfo, desiredWorkers } = this.#metrics;
      [campaignActors, campaignBytes, campaignInfo].forEach((gauge) => {
        gauge.reset();
      });
      // Absent, not zero: a scaler must fall back, not scale to nothing.
      desiredWorkers.remove();
    }
  }

  counted(campaign: Campaign, counts: CampaignCounts): void {
    if (!this.#leads) {
      return;
    }
    const { campaignActors, campaignBytes, campaignInfo } = this.#metrics;
    const pending = [counts.todo, counts.open, counts.later];
    const set = (state: string, actors: number, bytes: number): void => {
      campaignActors.set({ campaign: campaign.name, state }, actors);
      campaignBytes.set({ campaign: campaign.name, state }, bytes);
    };
    set(
      "pending",
      pending.reduce((sum, tally) => sum + tally.actors, 0),
      pending.reduce((sum, tally) => sum + tally.bytes, 0),
    );
    for (const state of OUTCOME_STATES) {
      set(state, counts.done[state].actors, counts.done[state].bytes);
    }
    const before = this.#states.get(campaign.name);
    if (before !== undefined && before !== campaign.state) {
      campaignInfo.remove({ campaign: campaign.name, state: before });
    }
    this.#states.set(campaign.name, campaign.state);
    campaignInfo.set({ campaign: campaign.name, state: campaign.state }, 1);
  }

  /**
   * Sets how many workers the queue calls for: enough for what waits and runs, no more than the fleet's limit lets be busy, and no more
   * than there are while the store throttles them.
   */
  queued(counts: QueueCounts, fleet: { workers: readonly Heartbeat[]; concurrentActors: number | undefined }): void {
    if (!this.#leads) {
      return;
    }
    const actors = Math.min(counts.waiting + counts.active, fleet.concurrentActors ?? Number.MAX_SAFE_INTEGER);
    const wanted = Math.ceil(actors / this.#slotsPerWorker);
    const throttled = fleet.workers.some(({ throttledBecause }) => throttledBecause !== undefined);
    this.#metrics.desiredWorkers.set(throttled ? Math.min(wanted, fleet.workers.length) : wanted);
  }
}
