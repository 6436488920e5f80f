import { auditCampaign } from "../../campaign/audit.ts";
import type { Store } from "../../store/store.ts";

/** Recounts of one campaign, at most, while somebody moves its actors. */
const RECOUNTS = 5;

/**
 * Recounts a campaign that is over. @returns on how many actors its counts and its rows disagree; undefined when actors moved during
 * every recount (they can be waived while it is made), so that differences prove nothing.
 */
export async function countLedgerDrift(store: Store, campaign: string): Promise<number | undefined> {
  for (let recount = 0; recount < RECOUNTS; recount += 1) {
    const { moving, differences } = await auditCampaign(store, campaign);
    if (!moving) {
      return differences
        .filter(({ kind }) => kind === "actors")
        .reduce((sum, { kept, counted }) => sum + Math.abs(kept - counted), 0);
    }
  }
  return undefined;
}
