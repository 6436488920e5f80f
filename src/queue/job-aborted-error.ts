import { FerryError } from "../errors.ts";

/**
 * The reason of an aborted job's signal: `lock_lost`, somebody else may be at the same actor, so stop at the next transaction;
 * `shutdown`, the worker ends. Whatever the job throws after that, it goes back to the queue without spending an attempt.
 */
export class JobAbortedError extends FerryError {
  declare readonly code: "lock_lost" | "shutdown";

  constructor(code: "lock_lost" | "shutdown") {
    super(
      code,
      code === "lock_lost" ? "The queue's lock on this job is lost." : "The worker stops before this job has ended.",
    );
  }
}
