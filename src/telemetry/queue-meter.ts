import type { MigrationQueue } from "../queue/migration-queue.ts";
import type { Metrics } from "./metrics.ts";

/** Sets the gauges of the queue and of Redis; three small round trips. @throws UnavailableError when Redis does not answer. */
export async function sampleQueue(
  metrics: Metrics,
  queue: Pick<MigrationQueue, "counts" | "connectedWorkers" | "redisFacts">,
): Promise<void> {
  const [counts, workers, facts] = await Promise.all([queue.counts(), queue.connectedWorkers(), queue.redisFacts()]);
  metrics.queueJobs.set({ state: "waiting" }, counts.waiting);
  metrics.queueJobs.set({ state: "active" }, counts.active);
  metrics.queueJobs.set({ state: "delayed" }, counts.delayed);
  metrics.queueJobs.set({ state: "failed" }, counts.failed);
  metrics.queueOldest.set(counts.oldestWaitingMs / 1000);
  if (workers !== undefined) {
    metrics.connectedWorkers.set(workers);
  }
  metrics.redisMemory.set(facts.maxBytes === 0 ? 0 : facts.usedBytes / facts.maxBytes);
  metrics.redisEvicts.set(facts.evictionPolicy === "noeviction" || facts.evictionPolicy === "unknown" ? 0 : 1);
}
