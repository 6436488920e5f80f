import type { Command } from "commander";
import type { Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";

/** `ferry worker`. */
export function registerWorker(program: Command, runner: Runner): void {
  const command = program
    .command("worker")
    .description("run a worker: takes actors off the queue and migrates them, until it is told to stop")
    .option("--drain", "end when nothing waits or runs; deferred actors stay queued for later")
    .action((options: { drain?: boolean }, self: Command) =>
      runner.run(self, async (run) => {
        const { runWorker } = await import("../worker/run-worker.ts");
        return runWorker(run, { drain: options.drain === true });
      }),
    );
  addSettings(
    command,
    "concurrency",
    "drainTimeoutMs",
    "metricsHost",
    "metricsPort",
    "target",
    "runnersDrained",
    "namespace",
    "maxPages",
    "protocolSettleMs",
  );
  addSettings(
    command,
    "layout",
    "check",
    "verify",
    "journal",
    "sidecars",
    "wal",
    "maxBytes",
    "smallBytes",
    "leaseMs",
    "lockMs",
  );
  command.addHelpText(
    "after",
    `
The first SIGTERM or SIGINT stops it gracefully, exit status 0; the second ends it at once.
With --drain the exit status is 1 when this worker rejected an actor or gave up on one.`,
  );
}
