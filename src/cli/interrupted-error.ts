import { constants } from "node:os";

/** The user asked the command to stop. */
export class InterruptedError extends Error {
  readonly signalNumber: number;

  constructor(signal: "SIGINT" | "SIGTERM") {
    super("Interrupted.");
    this.signalNumber = constants.signals[signal];
  }
}
