import type { WorkerEvent } from "../../queue/worker-events.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { RepeatedErrors } from "../../telemetry/repeated-errors.ts";

/** One line per event of the worker host that an operator wants to see; outcomes have lines of their own. */
export function logWorkerEvent(log: Logger, event: WorkerEvent, repeated: RepeatedErrors): void {
  const { type, ...fields } = event;
  switch (type) {
    case "job_started":
    case "job_done":
    case "job_deferred":
      log.debug(`queue.${type}`, "A job changed its state", fields);
      break;
    case "job_retrying":
      log.warn("queue.job_retrying", "The attempt failed and will be made again", fields);
      break;
    case "job_waits_for_store": {
      const times = repeated.count(event.error);
      // One store is behind them all: a line for each actor would be the same line, a few a second for as long as it is away.
      log[times === undefined ? "debug" : "warn"](
        "queue.job_waits_for_store",
        "The store cannot serve the attempt now; it will be made again",
        { ...fields, times },
      );
      break;
    }
    case "job_exhausted":
      log.error("queue.job_exhausted", "The job has used up its attempts", fields);
      break;
    case "job_handed_back":
      log.info("queue.job_handed_back", "The job went back to the queue", fields);
      break;
    case "lock_lost":
      log.warn("queue.lock_lost", "The job's lock is lost: another worker may have it", fields);
      break;
    case "job_superseded":
      log.info("queue.job_superseded", "Another job has the actor", fields);
      break;
    case "job_malformed":
      log.error("queue.job_malformed", "A job on the queue holds no request", fields);
      break;
    case "job_stalled":
      log.warn("queue.job_stalled", "A job whose worker went silent is back on the queue", fields);
      break;
    case "state_changed":
      log.info("worker.state_changed", "The worker changed its state", fields);
      break;
    case "redis_lost":
      log.warn("queue.redis_lost", "The connection to Redis is lost");
      break;
    case "redis_back":
      log.info("queue.redis_back", "Redis is back");
      break;
    case "queue_error": {
      const times = repeated.count(event.error);
      if (times !== undefined) {
        log.error("queue.error", "The queue reported an error", { ...fields, times });
      }
      break;
    }
  }
}
