import type { Campaign } from "./campaign.ts";
import type { CampaignCounts } from "./campaign-counts.ts";

/** Told what the feeder does; must not throw. */
export interface FeederObserver {
  leading(leads: boolean): void;
  fed(campaign: string, actors: number): void;
  recovered(campaign: string, actors: number): void;
  stateChanged(campaign: Campaign): void;
  counted(campaign: Campaign, counts: CampaignCounts): void;
  failed(error: unknown): void;
}
