import type { Store, Transaction } from "../store/store.ts";
import type { Campaign } from "./campaign.ts";
import { breakerCounts, readCounts, type CampaignCounts } from "./campaign-counts.ts";
import { findAgain } from "./campaign-store.ts";
import { setState } from "./set-state.ts";
import type { Author } from "./campaign-history.ts";
import { writeSample } from "./progress/samples.ts";

/** A change of state that comes about by itself. */
export interface FeederVerdict {
  readonly from: Campaign["state"];
  readonly to: "paused" | "completed" | "cancelled";
  readonly what: string;
  readonly reason?: string;
}

/** Whether the circuit breaker pauses a running campaign: too many of its actors were rejected or failed. */
export function breakerVerdict(campaign: Campaign, counts: CampaignCounts): FeederVerdict | undefined {
  const { percent, actors } = campaign.spec.breaker;
  const total = breakerCounts(counts);
  const finished = total.finished - campaign.breakerBase.finished;
  const bad = total.bad - campaign.breakerBase.bad;
  if (finished < actors || bad * 100 <= finished * percent) {
    return undefined;
  }
  const reason = `Circuit breaker: ${bad} of ${finished} finished actors were rejected or failed (limit ${percent} %).`;
  return { from: "running", to: "paused", what: "circuit_breaker", reason };
}

/** Whether a campaign is over: cancelled and nothing under way, or nothing left to do. */
export function endVerdict(campaign: Campaign, counts: CampaignCounts): FeederVerdict | undefined {
  if (counts.open.actors > 0) {
    return undefined;
  }
  if (campaign.state === "draining") {
    return { from: "draining", to: "cancelled", what: "cancelled" };
  }
  return campaign.scanFinished && counts.todo.actors + counts.later.actors === 0
    ? { from: "running", to: "completed", what: "completed" }
    : undefined;
}

/**
 * Changes the state where it is still what the verdict was based on, and nothing is open that was counted as done. `guard` runs in the
 * transaction, to stop a feeder that has lost its lease; `author` is the feeder unless somebody asked.
 * @returns the campaign as changed, or undefined, also where it was deleted meanwhile.
 */
export async function applyVerdict(
  store: Store,
  campaign: Pick<Campaign, "name" | "createdAtMs">,
  verdict: FeederVerdict,
  at: { readonly guard?: (tx: Transaction) => Promise<void>; readonly author?: Author; readonly nowMs: number },
): Promise<Campaign | undefined> {
  return store.transact(
    async (tx) => {
      await at.guard?.(tx);
      const current = await findAgain(tx, campaign);
      const counts = await readCounts(tx, campaign.name);
      const over = verdict.to !== "paused";
      const left = counts.open.actors + (verdict.to === "completed" ? counts.todo.actors + counts.later.actors : 0);
      if (current?.state !== verdict.from || (over && left > 0)) {
        return undefined;
      }
      const patch: Partial<Campaign> = over ? { finishedAtMs: at.nowMs } : { breakerTripped: true };
      const ofFeeder = { who: "feeder", ...(verdict.reason === undefined ? {} : { reason: verdict.reason }) };
      const change = { state: verdict.to, what: verdict.what, nowMs: at.nowMs, patch };
      writeSample(tx, current.name, counts, at.nowMs);
      return setState(tx, current, change, at.author ?? ofFeeder);
    },
    { label: "campaign" },
  );
}
