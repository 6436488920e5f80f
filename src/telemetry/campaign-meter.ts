import { OUTCOME_STATES } from "../migration/outcome.ts";
import type { CountedCampaign } from "../campaign/feeder/feeder-observer.ts";
import type { Heartbeat } from "../campaign/fleet/heartbeats.ts";
import type { QueueCounts } from "../queue/queue-scripts.ts";
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
  /** Whether a campaign runs; undefined until a round has looked. */
  #isRunning: boolean | undefined;

  constructor(metrics: Metrics, slotsPerWorker: number) {
    this.#metrics = metrics;
    this.#slotsPerWorker = slotsPerWorker;
  }

  leading(leads: boolean): void {
    this.#leads = leads;
    if (!leads) {
      this.#isRunning = undefined;
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
    this.#isRunning = all.some(({ campaign }) => campaign.state === "running");
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

  /**
   * Sets how many workers the queue calls for: enough for what waits and runs, no more than the fleet's limit lets be busy, and no more
   * than there are while the store throttles them. At least one while a campaign runs: between two feeds, and while what is left is
   * deferred, the queue is empty, and a scaler that may go to zero would stop and start workers all the time. Nor does a job that is put
   * off come back without a worker, whoever asked for it.
   */
  queued(counts: QueueCounts, fleet: { workers: readonly Heartbeat[]; concurrentActors: number | undefined }): void {
    if (!this.#leads || this.#isRunning === undefined) {
      return;
    }
    const actors = Math.min(counts.waiting + counts.active, fleet.concurrentActors ?? Number.MAX_SAFE_INTEGER);
    const wanted = Math.max(Math.ceil(actors / this.#slotsPerWorker), this.#isRunning || counts.delayed > 0 ? 1 : 0);
    const throttled = fleet.workers.some(({ throttledBecause }) => throttledBecause !== undefined);
    this.#metrics.desiredWorkers.set(throttled ? Math.min(wanted, fleet.workers.length) : wanted);
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
