import { CommanderError } from "commander";
import { describeError } from "./describe-error.ts";
import { exitStatusOf, EXIT, type ExitStatus } from "./exit-status.ts";
import { InterruptedError } from "./interrupted-error.ts";
import { Notes } from "./notes.ts";
import { Output, OutputClosedError } from "./output.ts";
import { makeProgram } from "./program.ts";
import { Runner } from "./run.ts";

/**
 * Runs one command line in this process, e.g. `["worker", "--drain"]`, and gives the exit status it should end with; everything that
 * went wrong has been told by then. Call it once: it listens to the process's signals.
 */
export async function runFerry(args: readonly string[]): Promise<ExitStatus> {
  const notes = new Notes(process.stderr);
  process.once("uncaughtException", (error) => {
    notes.say(`ferry: ${describeError(error)}`);
    // eslint-disable-next-line n/no-process-exit -- nothing is known about the state of the process any more
    process.exit(EXIT.bug);
  });
  const runner = new Runner({
    // eslint-disable-next-line n/no-process-env -- the one place that reads it
    environment: process.env,
    stdin: process.stdin,
    output: new Output(process.stdout),
    notes,
    signal: interruption(),
  });
  try {
    await makeProgram(runner).parseAsync(args, { from: "user" });
    return runner.exitStatus;
  } catch (error) {
    if (error instanceof OutputClosedError) {
      return EXIT.done;
    }
    if (error instanceof CommanderError) {
      return endOfParsing(error, notes);
    }
    notes.say(`ferry: ${describeError(error)}`);
    const status = exitStatusOf(error);
    if (status === EXIT.bug && args.includes("debug") && error instanceof Error) {
      notes.say(error.stack ?? "");
    }
    return status;
  }
}

/** Help and version end parsing as well; the rest is a command line that makes no sense. */
function endOfParsing(error: CommanderError, notes: Notes): ExitStatus {
  if (error.exitCode === 0) {
    return EXIT.done;
  }
  if (error.code !== "commander.help") {
    notes.say(`ferry: ${describeError(error)} Try: ferry --help`);
  }
  return EXIT.usage;
}

/** Fires at the first SIGINT or SIGTERM; the second ends the process at once, also where it is a container's first process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      const error = new InterruptedError(signal);
      if (controller.signal.aborted) {
        // eslint-disable-next-line n/no-process-exit -- asked twice: nothing is waited for any more
        process.exit(exitStatusOf(error));
      }
      controller.abort(error);
    });
  }
  return controller.signal;
}
