import type { JobSink } from "../campaign/enqueue.ts";
import type { Outcome } from "../migration/outcome.ts";
import type { EnqueueReport, MigrationQueue } from "../queue/migration-queue.ts";
import type { RequestOccasion, RequestOptions } from "../queue/migration-request.ts";

/** How jobs of one command are made. */
export interface QueueSinkOptions {
  readonly options: RequestOptions;
  /** What the request for an actor says besides, of which the ledger says `previous`. */
  readonly occasionOf?: ((previous: Outcome | undefined) => RequestOccasion) | undefined;
  /** Most jobs left waiting. */
  readonly window: number;
  /** Called once, when the window is full for the first time. */
  readonly onFull?: () => void;
  /** Told what became of each request. */
  readonly onAnswers?: ((results: EnqueueReport["results"]) => void) | undefined;
}

/** The queue as a producer's sink. */
export function queueSink(queue: MigrationQueue, settings: QueueSinkOptions): JobSink {
  let wasFull = false;
  return {
    async add(ids, previous) {
      const requestedAt = new Date().toISOString();
      const hasOptions = Object.keys(settings.options).length > 0;
      const report = await queue.enqueue(
        ids.map((actorId) => ({
          actorId,
          requestedAt,
          ...settings.occasionOf?.(previous.get(actorId)),
          ...(hasOptions ? { options: settings.options } : {}),
        })),
      );
      settings.onAnswers?.(report.results);
      return {
        enqueued: report.enqueued,
        alreadyQueued: report.alreadyQueued + report.queuedAfterActive,
        queuedAfterActive: report.queuedAfterActive,
      };
    },
    async waitForRoom(signal) {
      if (!wasFull && (await queue.counts()).waiting >= settings.window) {
        wasFull = true;
        settings.onFull?.();
      }
      return queue.waitForRoom({ window: settings.window, signal });
    },
  };
}
