import { setTimeout as sleep } from "node:timers/promises";
import type { Completion, CompletionTracker } from "../../campaign/enqueue/completion.ts";
import type { MigrationQueue } from "../../queue/migration-queue.ts";
import type { Notes } from "../notes.ts";
import type { Progress } from "./progress.ts";

const LOOK_EVERY_MS = 500;
/** Workers that are just starting need no warning. */
const WARN_AFTER_MS = 5_000;
/** Looking at the ledger may take this part of the time at most: it is the workers' store. */
const LOOKING_SHARE = 0.2;

/** What is waited for and how it is shown. */
export interface WaitOptions {
  readonly tracker: CompletionTracker;
  readonly queue: MigrationQueue;
  readonly progress: Progress;
  readonly notes: Notes;
  /** Resolves when everything is on the queue; until then the total grows. */
  readonly enqueued: Promise<unknown>;
  readonly signal: AbortSignal;
  /** Monotonic milliseconds; for tests. */
  readonly clock?: () => number;
}

/** What a promise came to, or undefined after so long. No timer is left, which would keep the process from its end. */
async function raced<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const timer = new AbortController();
  const rest = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, rest]);
  } finally {
    timer.abort();
  }
}

/**
 * Waits until every actor has its outcome. Deferred ones count as over, as they come back by themselves; so do those still without a
 * new outcome when the queue is empty.
 */
export async function waitForCompletion(options: WaitOptions): Promise<Completion> {
  const { tracker, queue, progress, signal, clock = () => performance.now() } = options;
  const stage: { is: "adding" | "waiting" | "drained" } = { is: "adding" };
  const failed = options.enqueued
    .then(() => {
      stage.is = "waiting";
      return queue.drained({ signal });
    })
    .then(
      () => {
        stage.is = "drained";
      },
      (error: unknown) => ({ error }),
    );
  let warnAtMs = clock() + WARN_AFTER_MS;
  for (;;) {
    const startedMs = clock();
    const completion = await tracker.look();
    progress.show(completion, stage.is === "adding");
    if (stage.is === "drained" || (stage.is === "waiting" && completion.pending === 0)) {
      return tracker.settleRest();
    }
    if (startedMs >= warnAtMs && completion.pending > 0 && (await queue.connectedWorkers()) === 0) {
      warnAtMs = Infinity;
      options.notes.say("No worker is connected: this waits until one is started with ferry worker.");
    }
    const restMs = Math.max(LOOK_EVERY_MS, (clock() - startedMs) / LOOKING_SHARE);
    const failure = await raced(failed, restMs);
    if (failure !== undefined) {
      throw failure.error;
    }
  }
}
