import type { WorkerEvent } from "../queue/worker-events.ts";
import type { WorkerHost } from "../queue/worker-host.ts";
import type { Metrics } from "./metrics.ts";

/** Counts what a worker host tells. Outcomes are counted where they are recorded, not here. */
export function countWorkerEvent(metrics: Metrics, event: WorkerEvent): void {
  switch (event.type) {
    case "job_retrying":
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

/** Sets the host's gauges and books the time of its free slots since the last call; call it every second or so. */
export class HostMeter {
  readonly #metrics: Metrics;
  readonly #host: Pick<WorkerHost, "inFlight" | "concurrency" | "isPaused">;
  readonly #nowMs: () => number;
  #lastMs: number;

  constructor(
    metrics: Metrics,
    host: Pick<WorkerHost, "inFlight" | "concurrency" | "isPaused">,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#metrics = metrics;
    this.#host = host;
    this.#nowMs = nowMs;
    this.#lastMs = nowMs();
  }

  sample(): void {
    const { inFlight, concurrency, isPaused } = this.#host;
    const nowMs = this.#nowMs();
    const freeSlots = Math.max(0, concurrency - inFlight);
    const activity = isPaused ? "paused" : "idle";
    this.#metrics.activitySeconds.inc({ activity }, (freeSlots * (nowMs - this.#lastMs)) / 1000);
    this.#metrics.inFlight.set(inFlight);
    this.#metrics.concurrencyLimit.set(concurrency);
    this.#lastMs = nowMs;
  }
}
