import type { Store } from "../../store/store.ts";
import { openActors, returnActors } from "./feed.ts";
import type { TurnQueue } from "./turn-queue.ts";

const PAGE = 500;

export interface WithdrawParts {
  readonly store: Store;
  readonly queue: Pick<TurnQueue, "withdraw">;
  readonly now: () => number;
  /** Called after every page. */
  readonly keepLease: () => Promise<void>;
}

/**
 * Takes a campaign's actors off the queue that no worker has begun, and puts them back where they were fed from. One that dies between the
 * two leaves open actors without a job, as a feeder does that dies while it feeds. @returns how many.
 */
export async function withdrawWaiting(parts: WithdrawParts, campaign: string): Promise<number> {
  const { store, queue, now, keepLease } = parts;
  let withdrawn = 0;
  let after: Uint8Array | undefined;
  do {
    const page = await openActors(store, campaign, { after, limit: PAGE, isFedAt: () => true });
    const ids = await queue.withdraw(campaign, page.ids);
    await returnActors(store, campaign, ids, now());
    withdrawn += ids.length;
    after = page.last;
    await keepLease();
  } while (after !== undefined);
  return withdrawn;
}
