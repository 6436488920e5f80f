import type { Store } from "../store/store.ts";
import type { Campaign } from "./campaign.ts";
import { readCounts } from "./campaign-counts.ts";
import type { CampaignRoom } from "./feed-room.ts";
import { FEED_BATCH, takeActors } from "./feed.ts";
import type { FeederObserver } from "./feeder-observer.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import { isScanning, scanRound } from "./membership.ts";
import type { TurnQueue } from "./turn-queue.ts";

export interface WindowFeedParts {
  readonly store: Store;
  readonly queue: TurnQueue;
  readonly observer: FeederObserver;
  readonly now: () => number;
  readonly lease: LeaseKeeper;
}

/** Fills a campaign's window: from its list, and while that is not complete, from what its scan finds. */
export class WindowFeed {
  readonly #parts: WindowFeedParts;
  /** The batch that goes to the queue, while the next is taken or looked for. */
  #enqueuing: Promise<void> = Promise.resolve();

  constructor(parts: WindowFeedParts) {
    this.#parts = parts;
  }

  /**
   * Feeds up to the window and the limits and scans meanwhile, until a time. Most of what each does is to wait for its turn to commit: one
   * after the other they fed less than workers took. The next round of the scan begins when the list is empty or the window full, and not
   * before: scanning on beside that fed less as well.
   * @returns how many were fed, and whether the source is exhausted; a list is given at once.
   */
  async fill(
    campaign: Campaign,
    openBefore: number,
    part: { room: CampaignRoom; untilMs: number },
  ): Promise<{ fed: number; scanned: boolean }> {
    try {
      const filled = await this.#scanAndFeed(campaign, openBefore, part);
      await this.#enqueuing;
      return filled;
    } finally {
      await Promise.allSettled([this.#enqueuing]);
    }
  }

  async #scanAndFeed(
    campaign: Campaign,
    openBefore: number,
    { room, untilMs }: { room: CampaignRoom; untilMs: number },
  ): Promise<{ fed: number; scanned: boolean }> {
    const { store, now, lease } = this.#parts;
    let scanned = !isScanning(campaign);
    let open = openBefore;
    let fed = 0;
    for (;;) {
      const isOver = now() >= untilMs;
      const scanning = scanned || isOver ? Promise.resolve(scanned) : scanRound(store, campaign, lease.guard);
      const feeding = this.#feed(campaign, open, room);
      await Promise.allSettled([scanning, feeding]);
      const wasScanned = scanned;
      scanned = await scanning;
      const batch = await feeding;
      fed += batch;
      // Where a batch was wanted, workers are fast enough to want the next one by now.
      if (isOver || (wasScanned && batch < FEED_BATCH)) {
        return { fed, scanned };
      }
      await lease.keep();
      const counts = await store.transact(async (tx) => readCounts(tx, campaign.name), { label: "campaign" });
      open = counts.open.actors;
    }
  }

  /** Moves actors from the list to the queue; the last of them may be on the way there still. @returns how many. */
  async #feed(campaign: Campaign, openBefore: number, room: CampaignRoom): Promise<number> {
    const { store, queue, now, observer, lease } = this.#parts;
    let fed = 0;
    for (;;) {
      const open = openBefore + fed;
      const left = room.left(open, now());
      if (left.actors <= 0 || left.bytes <= 0) {
        break;
      }
      const limit = { actors: Math.min(FEED_BATCH, left.actors), bytes: left.bytes };
      const [taken] = await Promise.all([takeActors(store, campaign.name, limit, lease.guard, now()), this.#enqueuing]);
      if (taken.length === 0) {
        break;
      }
      this.#enqueuing = queue.put(
        campaign,
        taken.map(({ id }) => id),
        open,
      );
      // Awaited above or at the end; until then a failure must not count as one nobody looks at.
      this.#enqueuing.catch(() => undefined);
      room.take({ actors: taken.length, bytes: taken.reduce((sum, { bytes }) => sum + bytes, 0) });
      fed += taken.length;
      observer.fed(campaign.name, taken.length);
      await lease.keep();
    }
    return fed;
  }
}
