import { OUTCOME_STATES } from "../migration/outcome.ts";
import type { Campaign } from "../campaign/campaign.ts";
import { isPaced, ratesInForce, type Limits } from "../campaign/limits.ts";
import type { CountedCampaign } from "../campaign/feeder/feeder-observer.ts";
import type { Heartbeat } from "../campaign/fleet/heartbeats.ts";
import type { QueueCounts } from "../queue/queue-scripts.ts";
import { desiredWorkers } from "./desired-workers.ts";
import type { Metrics } from "./metrics.ts";

/**
 * Sets the gauges of campaigns, in the feeder that feeds; the others show none, so that sums are right.
 * `slotsPerWorker`: how many actors one worker takes at once, for the number of workers that the work calls for.
 */
export class CampaignMeter {
  readonly #metrics: Metrics;
  readonly #slotsPerWorker: number;
  /** Actors on which counts and rows disagree, by campaign; kept while another leads, as only a campaign's end finds them. */
  readonly #drift = new Map<string, number>();
  #leads = false;
  /** Campaigns that run; undefined until a round has looked. */
  #running: readonly Campaign[] | undefined;

  constructor(metrics: Metrics, slotsPerWorker: number) {
    this.#metrics = metrics;
    this.#slotsPerWorker = slotsPerWorker;
  }

  leading(leads: boolean): void {
    this.#leads = leads;
    if (!leads) {
      this.#running = undefined;
      this.#reset();
      // Absent, not zero: a scaler must fall back, not scale to nothing, and an alert says that nobody feeds.
      this.#metrics.desiredWorkers.remove();
    }
  }

  /** Shows these campaigns and no others: what was shown of one that is deleted goes with it. */
  counted(all: readonly CountedCampaign[]): void {
    if (!this.#leads) {
      return;
    }
    this.#running = all.map(({ campaign }) => campaign).filter(({ state }) => state === "running");
    this.#reset();
    all.forEach((one) => {
      this.#show(one);
    });
    const names = new Set(all.map(({ campaign }) => campaign.name));
    for (const [campaign, actors] of this.#drift) {
      if (names.has(campaign)) {
        this.#metrics.ledgerDrift.set({ campaign }, actors);
      } else {
        this.#drift.delete(campaign);
      }
    }
  }

  /** Says on how many actors a campaign's counts and rows disagree; shown from the next round on. */
  drifted(campaign: string, actors: number): void {
    this.#drift.set(campaign, actors);
  }

  /** Sets how many workers the queue calls for. `limits`: the fleet's, in force. */
  queued(counts: QueueCounts, fleet: { workers: readonly Heartbeat[]; limits: Limits }, nowMs: number): void {
    if (!this.#leads || this.#running === undefined) {
      return;
    }
    const own = this.#running.map((campaign) => ratesInForce(campaign, nowMs));
    this.#metrics.desiredWorkers.set(
      desiredWorkers({
        counts,
        ...fleet,
        slotsPerWorker: this.#slotsPerWorker,
        isCampaignRunning: own.length > 0,
        isPaced: own.length > 0 && (isPaced(fleet.limits) || own.every(isPaced)),
      }),
    );
  }

  #show({ campaign: { name: campaign, state, breakerTripped }, counts }: CountedCampaign): void {
    const { campaignActors, campaignBytes, campaignInfo, breakerTripped: tripped } = this.#metrics;
    const pending = [counts.todo, counts.open, counts.later];
    const set = (tallyState: string, actors: number, bytes: number): void => {
      campaignActors.set({ campaign, state: tallyState }, actors);
      campaignBytes.set({ campaign, state: tallyState }, bytes);
    };
    set(
      "pending",
      pending.reduce((sum, tally) => sum + tally.actors, 0),
      pending.reduce((sum, tally) => sum + tally.bytes, 0),
    );
    for (const outcome of OUTCOME_STATES) {
      set(outcome, counts.done[outcome].actors, counts.done[outcome].bytes);
    }
    campaignInfo.set({ campaign, state }, 1);
    tripped.set({ campaign }, breakerTripped === true ? 1 : 0);
  }

  #reset(): void {
    const { campaignActors, campaignBytes, campaignInfo, breakerTripped, ledgerDrift } = this.#metrics;
    [campaignActors, campaignBytes, campaignInfo, breakerTripped, ledgerDrift].forEach((gauge) => {
      gauge.reset();
    });
  }
}
