import type { Command } from "commander";
import type { Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";

/** `ferry feeder`. */
export function registerFeeder(program: Command, runner: Runner): void {
  const command = program
    .command("feeder")
    .description("run a feeder: keeps the queue filled with running campaigns' actors, until it is told to stop")
    .action((_flags: object, self: Command) =>
      runner.run(self, async (run) => {
        const { runFeeder } = await import("../feeder/run-feeder.ts");
        return runFeeder(run);
      }),
    );
  addSettings(command, "metricsHost", "metricsPort", "concurrency");
  command.addHelpText(
    "after",
    `
Several may run: one feeds, the others take over within seconds when it falls silent.
--concurrency is what one worker has, for ferry_desired_workers.`,
  );
}
