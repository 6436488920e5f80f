import type { ActorId } from "../../formats/actor-id.ts";
import type { Store } from "../../store/store.ts";
import type { FeedQueue } from "./feed-queue.ts";
import { openActors, stillOpen } from "./feed.ts";

const PAGE = 500;
/** How old an open actor must be to be looked for: its job may be on the way to the queue. */
const SETTLED_MS = 5_000;

/**
 * A campaign's open actors whose job is gone, a page at a time; pages may be empty. Lost with Redis, never put there, or replaced by a
 * request of others, which ended or has no end. Of those that this feeder fed only the ones from before it began to look: others may be on
 * the way to the queue while this goes on. Those of a time that has not come were fed by one whose clock was ahead, and which is not the
 * feeder any more.
 */
export async function* lostJobs(
  store: Store,
  queue: FeedQueue,
  campaign: string,
  now: () => number,
): AsyncGenerator<ActorId[], void, undefined> {
  const settledMs = now() - SETTLED_MS;
  const isFedAt = (atMs: number): boolean => atMs < settledMs || atMs > now();
  let after: Uint8Array | undefined;
  do {
    const page = await openActors(store, campaign, { after, limit: PAGE, isFedAt });
    // Asked again after the queue: an actor that was finished between the two has no job, and needs none.
    const jobless = page.ids.length === 0 ? [] : await queue.missing(page.ids);
    yield jobless.length === 0 ? [] : await stillOpen(store, campaign, jobless);
    after = page.last;
  } while (after !== undefined);
}
