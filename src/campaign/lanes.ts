import type { CampaignSpec } from "./campaign.ts";

/*
 * Campaigns are fed small actors first, in three lanes by size: most of a fleet is done early, and what a large actor costs holds nobody up.
 */

const MIB = 1024 * 1024;
/** Upper bounds of the lanes' sizes. */
const LANE_BYTES = [MIB, 64 * MIB] as const;

/** All lanes of an order. */
export function lanesOf(order: CampaignSpec["order"]): readonly number[] {
  return order === "scan" ? [0] : [...LANE_BYTES.keys(), LANE_BYTES.length];
}

/** The lane an actor of this size waits in: 0 is fed first. */
export function laneOf(bytes: number, order: CampaignSpec["order"]): number {
  if (order === "scan") {
    return 0;
  }
  const lane = LANE_BYTES.findIndex((limit) => bytes <= limit);
  return lane === -1 ? LANE_BYTES.length : lane;
}
