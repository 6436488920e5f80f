import type { Worker } from "node:worker_threads";
import { startThread } from "../start-thread.ts";
import { ThreadPort } from "../thread-port.ts";
import { IntegrityCheckError } from "./errors.ts";
import type { IntegrityResult } from "./integrity.ts";
import type { CheckRequest, CheckResponse } from "./worker-protocol.ts";

/** A thread that runs SQLite's checks, see check-worker.ts. It serves one request at a time. */
export class CheckThread {
  readonly #port: ThreadPort<CheckRequest, CheckResponse>;

  constructor(start: () => Worker = () => startThread(new URL("./check-worker.js", import.meta.url))) {
    this.#port = new ThreadPort(
      start(),
      (end) => new IntegrityCheckError("integrity_worker_failed", "The worker of an integrity check died.", end),
    );
  }

  get usable(): boolean {
    return this.#port.usable;
  }

  /**
   * Has a file checked. When the signal fires, this rejects once the thread is gone, as if it had died.
   * @throws IntegrityCheckError `integrity_worker_failed`, `integrity_no_resources`.
   */
  async run(request: CheckRequest, signal: AbortSignal): Promise<IntegrityResult> {
    const stop = (): void => void this.stop();
    signal.addEventListener("abort", stop);
    try {
      return resultOf(await this.#port.ask(request));
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Ends the thread, in the middle of a check if need be. */
  async stop(): Promise<void> {
    await this.#port.stop();
  }
}

function resultOf(response: CheckResponse): IntegrityResult {
  if ("failure" in response) {
    const details = { message: response.failure };
    throw new IntegrityCheckError("integrity_no_resources", "SQLite could not carry out an integrity check.", {
      details,
    });
  }
  return response.result;
}
