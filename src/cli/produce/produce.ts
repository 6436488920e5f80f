import { CompletionTracker, type Completion } from "../../campaign/enqueue/completion.ts";
import { enqueueActors, type EnqueueCounts } from "../../campaign/enqueue/enqueue.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import type { Outcome } from "../../migration/outcome.ts";
import { MOST_PUT_OFF, type EnqueueReport, type MigrationQueue } from "../../queue/migration-queue.ts";
import type { RequestOccasion, RequestOptions } from "../../queue/migration-request.ts";
import type { Store } from "../../store/store.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { countFields, countText } from "./produce-counts.ts";
import { queueSink } from "./queue-sink.ts";
import { sayStopped } from "../stopped.ts";
import { sayCompletion } from "./completion-report.ts";
import { makeProgress } from "./progress.ts";
import { waitForCompletion } from "./wait-for-completion.ts";
import type { Run } from "../run.ts";

/** What a producer's command puts on the queue, and how. */
export interface Production {
  readonly store: Store;
  readonly source: AsyncIterable<Iterable<ActorId>>;
  /** Options of these jobs. */
  readonly options: RequestOptions;
  /** Options of the job of an actor of which the ledger says `previous`, where `options` does not say them. */
  readonly otherwise?: (previous: Outcome | undefined) => Promise<RequestOptions>;
  /** What the request for an actor says besides, of which the ledger says `previous`. */
  readonly occasionOf?: (previous: Outcome | undefined) => RequestOccasion;
  /** Whether actors that are done are asked again. */
  readonly force: boolean;
  /** Most jobs left waiting in Redis. */
  readonly window: number;
  /** Whether to wait for the outcomes, and to mirror them in the exit status. */
  readonly wait: boolean;
  /** Told what became of each request. */
  readonly onAnswers?: (results: EnqueueReport["results"]) => void;
}

/** Puts actors on the queue, says how many, and waits for them where that is asked for. */
export async function produce(run: Run, production: Production): Promise<ExitStatus> {
  if (production.wait) {
    const { rejected, failed, pending } = await produceAndWait(run, production);
    return rejected + failed + pending > 0 ? EXIT.rejected : EXIT.done;
  }
  const { queue, enqueued } = await start(run, production);
  await sayCounts(run, await enqueued);
  await warnWithoutWorkers(run, queue);
  return EXIT.done;
}

/** Puts actors on the queue, waits for them, says what became of them, and gives it: actors by state, and those without an outcome. */
export async function produceAndWait(
  run: Run,
  production: Production,
): Promise<Completion["byState"] & { readonly pending: number }> {
  const tracker = new CompletionTracker(production.store);
  const { queue, enqueued } = await start(run, production, tracker);
  const completion = await follow(run, { queue, tracker, enqueued });
  await sayCompletion(run, await enqueued, completion);
  return { ...completion.byState, pending: completion.pending };
}

/** Begins to put actors on the queue. */
async function start(
  run: Run,
  production: Production,
  tracker?: CompletionTracker,
): Promise<{ queue: MigrationQueue; enqueued: Promise<EnqueueCounts> }> {
  const queue = await run.openQueue();
  warnOfUnknownPolicy(run, queue);
  let soFar: EnqueueCounts | undefined;
  const enqueued = enqueueActors(production.source, {
    store: production.store,
    sink: queueSink(queue, {
      options: production.options,
      otherwise: production.otherwise,
      occasionOf: production.occasionOf,
      window: production.window,
      onAnswers: production.onAnswers,
      onFull: (of) => {
        run.notes.say(
          of === "waiting"
            ? `${production.window} jobs wait on the queue; the rest follows as workers take them.`
            : `${MOST_PUT_OFF} jobs are put off, as their actors are awake or after errors; the rest follows as these are done.`,
        );
        void warnWithoutWorkers(run, queue);
      },
    }),
    force: production.force,
    signal: run.signal,
    onProgress: (counts) => {
      soFar = counts;
    },
    ...(tracker === undefined
      ? {}
      : {
          onBatch: (ids, previous) => {
            tracker.add(ids, previous);
          },
        }),
  }).catch((error: unknown) => {
    sayStopped(run, soFar === undefined ? "" : countText(soFar));
    throw error;
  });
  return { queue, enqueued };
}

async function follow(
  run: Run,
  work: { queue: MigrationQueue; tracker: CompletionTracker; enqueued: Promise<EnqueueCounts> },
): Promise<Completion> {
  const progress = makeProgress(run.notes);
  try {
    return await waitForCompletion({ ...work, progress, notes: run.notes, signal: run.signal });
  } catch (error) {
    if (run.signal.aborted) {
      run.notes.say("No longer waiting; what is on the queue stays there, and workers go on.");
    }
    throw error;
  } finally {
    progress.end(work.tracker.completion);
  }
}

/** What became of the requests, on standard output. */
async function sayCounts(run: Run, counts: EnqueueCounts): Promise<void> {
  await run.output.line(run.json ? JSON.stringify(countFields(counts)) : countText(counts));
}

async function warnWithoutWorkers(run: Run, queue: MigrationQueue): Promise<void> {
  const workers = await queue.connectedWorkers().catch(() => undefined);
  if (workers === 0) {
    run.notes.say("No worker is connected: start one with ferry worker.");
  }
}

function warnOfUnknownPolicy(run: Run, queue: MigrationQueue): void {
  if (queue.facts.evictionPolicy === "unknown") {
    run.notes.say("Redis does not say what it does when it is full: make sure that maxmemory-policy is noeviction.");
  }
}
