import { FerryError, type ErrorDetails } from "../../errors.ts";

/**
 * A check came to no end; nothing is known about the image, and another try may do.
 *
 * - `integrity_worker_failed`: the worker thread died; the next check gets a new one.
 * - `integrity_timed_out`: it took longer than the time given, and was stopped.
 * - `integrity_no_resources`: SQLite ran out of memory or could not use the temporary file.
 * - `integrity_directory`: the temporary file could not be written; make room, or give another directory.
 * - `integrity_closed`: the checker was closed.
 */
export type IntegrityErrorCode =
  | "integrity_worker_failed"
  | "integrity_timed_out"
  | "integrity_no_resources"
  | "integrity_directory"
  | "integrity_closed";

/** An integrity check that could not be made. */
export class IntegrityCheckError extends FerryError {
  constructor(code: IntegrityErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(code, message, options);
  }
}
