import type { WorkerEvent } from "../queue/worker-events.ts";
import type { Metrics } from "./metrics.ts";

/** Counts what a worker host tells. Outcomes are counted where they are recorded, not here. */
export function countWorkerEvent(metrics: Metrics, event: WorkerEvent): void {
  switch (event.type) {
    case "job_retrying":
    case "job_waits_for_store":
      metrics.retries.inc();
      break;
    case "lock_lost":
      metrics.lockLosses.inc();
      break;
    case "queue_error":
      metrics.queueErrors.inc();
      break;
    case "state_changed":
      metrics.draining.set(event.state === "running" ? 0 : 1);
      break;
    case "job_started":
    case "job_done":
    case "job_deferred":
    case "job_exhausted":
    case "job_handed_back":
    case "job_superseded":
    case "job_malformed":
    case "job_stalled":
    case "redis_lost":
    case "redis_back":
      break;
  }
}
