import { once } from "node:events";

import { WorkerHost } from "../../../src/queue/worker-host.ts";

/*
 * A worker process whose jobs run until their signal is aborted. Arguments: Redis URL, lock duration and drain deadline in milliseconds.
 * Prints each event's type, with the reason of a hand-back; SIGTERM stops it, a second one at once.
 */
const [, , url = "", lockMs = "", drainMs = ""] = process.argv;
const host = await WorkerHost.start({
  redis: { url },
  lockDurationMs: Number(lockMs),
  drainDeadlineMs: Number(drainMs),
  onExhausted: () => Promise.reject(new Error("no job of this test fails")),
  onEvent: (event) => process.stdout.write(`${event.type} ${"reason" in event ? event.reason : ""}\n`),
  process: async (_request, { signal }) => {
    await once(signal, "abort");
    throw signal.reason;
  },
});
process.on("SIGTERM", () => void host.stop());
process.stdout.write("ready\n");
