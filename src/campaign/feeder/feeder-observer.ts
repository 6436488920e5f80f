import type { Campaign } from "../campaign.ts";
import type { CampaignCounts } from "../campaign-counts.ts";

/** A campaign as a round of the feeder found it. */
export interface CountedCampaign {
  readonly campaign: Campaign;
  readonly counts: CampaignCounts;
}

/** Told what the feeder does; must not throw. */
export interface FeederObserver {
  leading(leads: boolean): void;
  fed(campaign: string, actors: number): void;
  recovered(campaign: string, actors: number): void;
  withdrawn(campaign: string, actors: number): void;
  stateChanged(campaign: Campaign): void;
  /** Once a round, with every campaign there is: one that is missing was deleted. */
  counted(all: readonly CountedCampaign[]): void;
  failed(error: unknown): void;
}
