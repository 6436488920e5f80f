import { InvalidArgumentError, type Command } from "commander";

/** Reads what a benchmark was given. Help ends it with 0, and what makes no sense with 2 and a sentence, before anything is begun. */
export function readCommandLine(command: Command): Command {
  return command
    .exitOverride(({ exitCode }) => {
      // eslint-disable-next-line n/no-process-exit -- all that there was to say is said
      process.exit(exitCode === 0 ? 0 : 2);
    })
    .showHelpAfterError("--help says what can be given.")
    .parse();
}

/** A whole number of at least 1. */
export function readCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new InvalidArgumentError("Write a whole number from 1.");
  }
  return Number(text);
}
