import { CommanderError, type Command } from "commander";

/** Commander's end of parsing, an error or only help, and the command whose help says how it is used. */
export class ParsingError extends CommanderError {
  /** E.g. `ferry campaign show`. */
  readonly command: string;

  constructor({ exitCode, code, message }: CommanderError, command: Command) {
    super(exitCode, code, message);
    this.command = pathOf(command);
  }
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
