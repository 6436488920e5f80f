import type { Store } from "../../store/store.ts";
import { limitsInForce } from "../limits.ts";
import { readCounts } from "../campaign-counts.ts";
import { readCampaigns } from "../campaign-store.ts";
import { readFleetLimits } from "./fleet-limits.ts";

/** Why a free slot of a worker has nothing to do. */
export type IdleReason = "idle" | "throttled_operator" | "paused";

/**
 * Says why workers rest: an operator's limits hold back actors that could be fed, the campaigns that have any are paused, or there is
 * nothing to do.
 */
export async function readWorkersRest(store: Store, nowMs: number): Promise<IdleReason> {
  return store.transact(
    async (tx) => {
      const campaigns = (await readCampaigns(tx)).filter(({ state }) => state === "running" || state === "paused");
      const fleet = await readFleetLimits(tx, nowMs);
      let reason: IdleReason = "idle";
      for (const campaign of campaigns) {
        const { state } = campaign;
        const { todo } = await readCounts(tx, campaign.name);
        if (todo.actors === 0) {
          continue;
        }
        if (state === "running" && limitsInForce(campaign, fleet, nowMs).length > 0) {
          return "throttled_operator";
        }
        reason = state === "paused" ? "paused" : reason;
      }
      return reason;
    },
    { label: "fleet", timeoutMs: 5_000 },
  );
}
