import { runCommandLine } from "./command-line.ts";
import { describeError } from "./describe-error.ts";
import { exitStatusOf, EXIT, type ExitStatus } from "./exit-status.ts";
import { InterruptedError } from "./interrupted-error.ts";
import { Notes } from "./notes.ts";
import { Output } from "./output.ts";

/**
 * Runs one command line in this process, e.g. `["worker", "--drain"]`, and gives the exit status it should end with. Call it once: it
 * listens to the process's signals.
 */
export async function runFerry(args: readonly string[]): Promise<ExitStatus> {
  const notes = new Notes(process.stderr);
  process.once("uncaughtException", (error) => {
    notes.say(`ferry: ${describeError(error)}`);
    // eslint-disable-next-line n/no-process-exit -- nothing is known about the state of the process any more
    process.exit(EXIT.bug);
  });
  return runCommandLine(args, {
    // eslint-disable-next-line n/no-process-env -- the one place that reads it
    environment: process.env,
    stdin: process.stdin,
    output: new Output(process.stdout),
    notes,
    signal: interruption(),
  });
}

/** One Ctrl-C comes twice under npx: the terminal sends the signal to both, and npx passes its own on. */
const SAME_SIGNAL_MS = 500;

/** Fires at the first SIGINT or SIGTERM; the second ends the process at once, also where it is a container's first process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  let askedAtMs: number | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      const error = new InterruptedError(signal);
      askedAtMs ??= performance.now();
      if (controller.signal.aborted && performance.now() - askedAtMs >= SAME_SIGNAL_MS) {
        endBy(signal, exitStatusOf(error));
      }
      controller.abort(error);
    });
  }
  return controller.signal;
}

/**
 * Ends the process by the signal itself, where it is to end at once: `process.exit` waits for what native threads have begun, and a commit of
 * the embedded store that waits for this thread would never end, with the store's lock held.
 */
function endBy(signal: NodeJS.Signals, status: ExitStatus): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // A container's first process does not get it.
  // eslint-disable-next-line n/no-process-exit -- asked twice: nothing is waited for any more
  process.exit(status);
}
