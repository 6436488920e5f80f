import type { EnqueueCounts } from "../../campaign/enqueue/enqueue.ts";

/** The counts as JSON names them. */
export function countFields(counts: EnqueueCounts): Record<string, number> {
  return {
    enqueued: counts.enqueued,
    already_queued: counts.alreadyQueued,
    already_done: counts.alreadyDone,
    queued_after_active: counts.queuedAfterActive,
  };
}

/** The counts for people. */
export function countText(counts: EnqueueCounts): string {
  const after =
    counts.queuedAfterActive === 0 ? "" : ` (${counts.queuedAfterActive} run again after the run under way)`;
  return `enqueued ${counts.enqueued}, already_queued ${counts.alreadyQueued}${after}, already_done ${counts.alreadyDone}`;
}
