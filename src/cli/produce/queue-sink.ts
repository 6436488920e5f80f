import type { JobSink } from "../../campaign/enqueue/enqueue.ts";
import type { Outcome } from "../../migration/outcome.ts";
import type { EnqueueReport, MigrationQueue } from "../../queue/migration-queue.ts";
import type { RequestOccasion, RequestOptions } from "../../queue/migration-request.ts";

/** How jobs of one command are made. */
export interface QueueSinkOptions {
  readonly options: RequestOptions;
  /** Options of the request for an actor of which the ledger says `previous`, where `options` does not say them. */
  readonly otherwise?: ((previous: Outcome | undefined) => Promise<RequestOptions>) | undefined;
  /** What the request for an actor says besides, of which the ledger says `previous`. */
  readonly occasionOf?: ((previous: Outcome | undefined) => RequestOccasion) | undefined;
  /** Most jobs left waiting. */
  readonly window: number;
  /** Called when there is no room for the first time, once for each of what there is too much. */
  readonly onFull?: (of: "waiting" | "put_off") => void;
  /** Told what became of each request. */
  readonly onAnswers?: ((results: EnqueueReport["results"]) => void) | undefined;
}

/** The queue as a producer's sink. */
export function queueSink(queue: Pick<MigrationQueue, "enqueue" | "waitForRoom">, settings: QueueSinkOptions): JobSink {
  const told = new Set<string>();
  return {
    async add(ids, previous) {
      const requestedAt = new Date().toISOString();
      const report = await queue.enqueue(
        await Promise.all(
          ids.map(async (actorId) => {
            const options = { ...(await settings.otherwise?.(previous.get(actorId))), ...settings.options };
            return {
              actorId,
              requestedAt,
              ...settings.occasionOf?.(previous.get(actorId)),
              ...(Object.keys(options).length > 0 ? { options } : {}),
            };
          }),
        ),
      );
      settings.onAnswers?.(report.results);
      return {
        enqueued: report.enqueued,
        alreadyQueued: report.alreadyQueued + report.queuedAfterActive,
        queuedAfterActive: report.queuedAfterActive,
      };
    },
    waitForRoom: (signal) =>
      queue.waitForRoom({
        window: settings.window,
        signal,
        onFull: (of) => {
          if (!told.has(of)) {
            told.add(of);
            settings.onFull?.(of);
          }
        },
      }),
  };
}
