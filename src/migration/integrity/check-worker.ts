import type { Worker } from "node:worker_threads";
import { startThread } from "../start-thread.ts";
import { IntegrityCheckError } from "./errors.ts";
import type { IntegrityResult } from "./integrity.ts";
import type { CheckRequest, CheckResponse } from "./worker-protocol.ts";

/**
 * One worker thread. It serves one request at a time and keeps the process alive only meanwhile. When it dies or is stopped it is not
 * `usable` any more.
 */
export class CheckWorker {
  readonly #worker: Worker;
  #usable = true;
  #onAnswer: (response: CheckResponse) => void = () => undefined;
  #onEnd: (error: IntegrityCheckError) => void = () => undefined;

  constructor(start: () => Worker = () => startThread(new URL("./integrity-worker.js", import.meta.url))) {
    this.#worker = start();
    this.#worker.unref();
    this.#worker.on("message", (response: CheckResponse) => {
      this.#onAnswer(response);
    });
    this.#worker.on("error", (cause) => {
      this.#end({ cause });
    });
    this.#worker.on("exit", (exitCode) => {
      this.#end({ details: { exitCode } });
    });
  }

  get usable(): boolean {
    return this.#usable;
  }

  /**
   * Has a file checked. When the signal fires, this rejects once the thread is gone, as if it had died.
   * @throws IntegrityCheckError `integrity_worker_failed`, `integrity_no_resources`.
   */
  async run(request: CheckRequest, signal: AbortSignal): Promise<IntegrityResult> {
    const stop = (): void => void this.stop();
    signal.addEventListener("abort", stop);
    this.#worker.ref();
    try {
      return resultOf(
        await new Promise<CheckResponse>((resolve, reject) => {
          this.#onAnswer = resolve;
          this.#onEnd = reject;
          this.#worker.postMessage(request);
        }),
      );
    } finally {
      this.#worker.unref();
      signal.removeEventListener("abort", stop);
    }
  }

  /** Ends the thread, in the middle of a check if need be. */
  async stop(): Promise<void> {
    this.#usable = false;
    await this.#worker.terminate();
  }

  #end(options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> }): void {
    this.#usable = false;
    this.#onEnd(new IntegrityCheckError("integrity_worker_failed", "The worker of an integrity check died.", options));
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
