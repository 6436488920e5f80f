import type { ActorId } from "../formats/actor-id.ts";
import type { FeedQueue, FeedRequest } from "../campaign/feeder/feed-queue.ts";
import type { MigrationQueue } from "./migration-queue.ts";

/** The queue as campaigns' feeder uses it. */
export function campaignFeedQueue(queue: MigrationQueue): FeedQueue {
  return {
    async feed(requests: readonly FeedRequest[]): Promise<void> {
      const requestedAt = new Date().toISOString();
      await queue.enqueue(
        requests.map(({ actorId, campaign, options }) => ({
          actorId,
          campaign,
          requestedAt,
          ...(Object.keys(options).length > 0 ? { options } : {}),
        })),
        { turnOf: (index) => requests[index]?.turn ?? 1 },
      );
    },
    turn: async () => queue.turn(),
    rebaseTurns: async (by) => queue.rebaseTurns(by),
    withdraw: async (campaign, ids) => queue.withdraw(campaign, ids),
    missing: async (ids: readonly ActorId[]): Promise<ActorId[]> => queue.missing(ids),
  };
}
