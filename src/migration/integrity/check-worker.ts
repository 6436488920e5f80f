/** The worker thread's entry: runs SQLite's checks on files, one after the other. What it does not expect ends the thread. */
import { parentPort } from "node:worker_threads";
import { runCheck } from "./run-check.ts";
import type { CheckRequest } from "./worker-protocol.ts";

parentPort?.on("message", (request: CheckRequest) => {
  parentPort?.postMessage(runCheck(request));
});
