import { SETTINGS } from "../config/settings.ts";
import { describeError } from "./describe-error.ts";
import { exitStatusOf, EXIT, type ExitStatus } from "./exit-status.ts";
import { interruptionOr } from "./interrupted-error.ts";
import type { Notes } from "./notes.ts";
import { OutputClosedError } from "./output.ts";
import { ParsingError } from "./parsing-error.ts";
import { makeProgram } from "./program.ts";
import { Runner, type Surroundings } from "./run.ts";

/** Runs one command line and gives its exit status; everything that went wrong has been told by then. */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<ExitStatus> {
  const { notes } = surroundings;
  const runner = new Runner(surroundings);
  try {
    await makeProgram(runner, surroundings).parseAsync(args, { from: "user" });
    return runner.exitStatus;
  } catch (thrown) {
    const error = interruptionOr(thrown, surroundings.signal);
    if (error instanceof OutputClosedError) {
      return EXIT.done;
    }
    if (error instanceof ParsingError) {
      return endOfParsing(error, notes);
    }
    notes.say(`ferry: ${describeError(error)}`);
    const status = exitStatusOf(error);
    if (status === EXIT.bug && wantsStacks(args, surroundings) && error instanceof Error) {
      notes.say(error.stack ?? "");
    }
    return status;
  }
}

/** Whether the log level is debug, in whichever way it was said: the command may have failed before it was read. */
function wantsStacks(args: readonly string[], { environment }: Pick<Surroundings, "environment">): boolean {
  const flag = args.findLast((arg, index) => arg.startsWith("--log-level=") || args[index - 1] === "--log-level");
  return (flag?.replace("--log-level=", "") ?? environment[SETTINGS.logLevel.env]) === "debug";
}

/** Help and version end parsing as well; the rest is a command line that makes no sense. */
function endOfParsing(error: ParsingError, notes: Notes): ExitStatus {
  if (error.exitCode === 0) {
    return EXIT.done;
  }
  if (error.code !== "commander.help") {
    notes.say(`ferry: ${describeError(error)} Try: ${error.command} --help`);
  }
  return EXIT.usage;
}
