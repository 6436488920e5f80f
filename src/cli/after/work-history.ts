import { noteInHistory, type Author } from "../../campaign/campaign-history.ts";
import { readCampaign } from "../../campaign/campaign-store.ts";
import type { Store } from "../../store/store.ts";
import type { ResultCounts } from "./result-counts.ts";

/** What is done to actors that a campaign migrated, and by whom. */
export interface Deed {
  readonly store: Store;
  /** Whose history tells of it; undefined for none. */
  readonly campaign: string | undefined;
  readonly what: "cleanup" | "rollback";
  readonly author: Author;
}

/**
 * Does work on actors and has their campaign's history tell of it: that it begins, before any actor is changed, and how many came to which
 * result once it has ended or was stopped. Where the process is killed there is only the first, and that is true as well.
 */
export async function inHistory(deed: Deed, counts: ResultCounts, work: () => Promise<void>): Promise<void> {
  const { store, campaign: name, what, author } = deed;
  if (name === undefined) {
    return work();
  }
  const campaign = await store.transact(async (tx) => readCampaign(tx, name), { label: "campaign" });
  const begunAtMs = Date.now();
  await noteInHistory(store, campaign, { atMs: begunAtMs, what: `${what} begun`, ...author });
  const noteEnd = (how: "ended" | "stopped"): Promise<void> => {
    // A millisecond later at least, as the history is in order of time.
    const atMs = Math.max(Date.now(), begunAtMs + 1);
    return noteInHistory(store, campaign, { atMs, what: `${what} ${how}`, after: counts.byResult, ...author });
  };
  try {
    await work();
  } catch (error) {
    // Why the work stopped is what counts, also where the store is away and cannot be told.
    await noteEnd("stopped").catch(() => undefined);
    throw error;
  }
  await noteEnd("ended");
}
