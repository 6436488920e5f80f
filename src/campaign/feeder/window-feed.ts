import { setTimeout as sleep } from "node:timers/promises";

import type { Store } from "../../store/store.ts";
import type { Campaign } from "../campaign.ts";
import { readCounts, type CampaignCounts } from "../campaign-counts.ts";
import type { FeedRoom } from "./feed-pace.ts";
import type { CampaignRoom } from "./feed-room.ts";
import { FEED_BATCH, takeActors } from "./feed.ts";
import type { FeederObserver } from "./feeder-observer.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import { ScanAhead } from "./scan-ahead.ts";
import type { TurnQueue } from "./turn-queue.ts";

export interface WindowFeedParts {
  readonly store: Store;
  readonly queue: TurnQueue;
  readonly observer: FeederObserver;
  readonly now: () => number;
  readonly lease: LeaseKeeper;
}

/** While its source is scanned the list is kept this long, so that feeding does not wait for a round of the scan. */
const LIST_STOCK = 3 * FEED_BATCH;
/** How long after a look that found the window full the next one is. */
const LOOK_AGAIN_MS = 50;

/**
 * Fills a campaign's window from its list, and the list from what its scan finds. Most of what each does is to wait for its turn to commit,
 * or for Redis: one after the other they fed less than workers took. So three things are under way at once: a batch on its way to the
 * queue, the next one being taken from the list, and, while the list is short or nothing is to be fed, a round of the scan. Scanning on
 * beside a list that is long enough fed less as well.
 */
export class WindowFeed {
  readonly #parts: WindowFeedParts;
  #enqueuing: Promise<void> = Promise.resolve();

  constructor(parts: WindowFeedParts) {
    this.#parts = parts;
  }

  /**
   * Feeds up to the window and the limits, and scans, until a time.
   * @returns how many were fed, and whether the source is exhausted.
   */
  async fill(
    campaign: Campaign,
    before: CampaignCounts,
    part: { room: CampaignRoom; untilMs: number },
  ): Promise<{ fed: number; scanned: boolean }> {
    const scan = new ScanAhead(this.#parts.store, campaign, this.#parts.lease.guard);
    try {
      const fed = await this.#scanAndFeed(campaign, before, { ...part, scan });
      await this.#enqueuing;
      await scan.settle();
      return { fed, scanned: scan.isFinished };
    } finally {
      await Promise.allSettled([this.#enqueuing, scan.settle()]);
      // A batch that failed was told of: the next one must not fail for it.
      this.#enqueuing = Promise.resolve();
    }
  }

  /** @returns how many were fed; the last of them may be on the way to the queue still, and a round of the scan under way. */
  async #scanAndFeed(
    campaign: Campaign,
    before: CampaignCounts,
    { room, untilMs, scan }: { room: CampaignRoom; untilMs: number; scan: ScanAhead },
  ): Promise<number> {
    const { store, now, lease } = this.#parts;
    let counts = before;
    let last: number | undefined;
    let fed = 0;
    for (;;) {
      const isOver = now() >= untilMs;
      const wasFinished = scan.isFinished;
      if (!isOver && (last === 0 || counts.todo.actors < LIST_STOCK)) {
        scan.begin();
      }
      const left = room.left(counts.open, now());
      const isFull = left.actors <= 0 || left.bytes <= 0;
      const batch = isFull ? 0 : await this.#feedBatch(campaign, counts.open.actors, { room, left });
      fed += batch;
      // Where a whole batch was wanted, workers are fast enough to want the next one by now.
      if (isOver || (wasFinished && (last ?? 0) + batch < FEED_BATCH)) {
        return fed;
      }
      last = batch;
      if (isFull) {
        // A round of the scan can take longer than workers take to empty the window.
        await Promise.race([scan.settle(), sleep(LOOK_AGAIN_MS)]);
      } else if (batch === 0) {
        await scan.settle();
      }
      await lease.keep();
      counts = await store.transact(async (tx) => readCounts(tx, campaign.name), { label: "campaign" });
    }
  }

  /** Moves a batch of actors from the list towards the queue. @returns how many. */
  async #feedBatch(
    campaign: Campaign,
    open: number,
    { room, left }: { room: CampaignRoom; left: FeedRoom },
  ): Promise<number> {
    const { store, queue, now, observer, lease } = this.#parts;
    const limit = { actors: Math.min(FEED_BATCH, left.actors), bytes: left.bytes };
    const taking = takeActors(store, campaign, { limit, guard: lease.guard, nowMs: now() });
    const [taken] = await Promise.all([taking, this.#enqueuing]);
    if (taken.length > 0) {
      this.#enqueuing = queue.put(
        campaign,
        taken.map(({ id }) => id),
        open,
      );
      // Awaited with the next batch or at the end; a failure before that is not an unhandled rejection.
      this.#enqueuing.catch(() => undefined);
      room.take({ actors: taken.length, bytes: taken.reduce((sum, { bytes }) => sum + bytes, 0) });
      observer.fed(campaign.name, taken.length);
    }
    return taken.length;
  }
}
