import { FerryError, type ErrorDetails } from "../errors.ts";

/**
 * What this attempt wrote last is not what it finds now: stop at once, write nothing more, and let the queue try again.
 *
 * - `lease_lost`: the lease expired and another attempt took it.
 * - `meta_changed`: someone else wrote the actor's v2 head; the engine does so when it allocates the actor.
 * - `stage_gone`: staged rows are missing, or those of an earlier attempt are of another image.
 */
export class FenceLostError extends FerryError {
  constructor(code: "lease_lost" | "meta_changed" | "stage_gone", message: string, details?: ErrorDetails) {
    super(code, message, details === undefined ? {} : { details });
  }
}

/** The attempt was asked to stop (shutdown, a lost queue lock) and did so between two transactions. */
export class AbortedError extends FerryError {
  constructor(cause: unknown) {
    super("aborted", "The attempt was stopped before it finished; it will be taken up again.", { cause });
  }
}

/** @throws AbortedError when the signal has fired. */
export function assertNotAborted(signal: AbortSignal): void {
  if (signal.aborted) {
    throw new AbortedError(signal.reason);
  }
}
