import { constants } from "node:os";

/** The user asked the command to stop. */
export class InterruptedError extends Error {
  readonly signalNumber: number;

  constructor(signal: "SIGINT" | "SIGTERM") {
    super("Interrupted.");
    this.signalNumber = constants.signals[signal];
  }
}

/** The interruption where an error is only how a timer or an attempt says that it was stopped by it; else the error. */
export function interruptionOr(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error instanceof Error && error.cause === signal.reason ? signal.reason : error;
}
