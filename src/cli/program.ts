import { Command, type OutputConfiguration } from "commander";
import * as commands from "./commands/index.ts";
import { HELP_LAYOUT } from "./help-layout.ts";
import { ParsingError } from "./parsing-error.ts";
import type { Runner, Surroundings } from "./run.ts";
import { addSettings, SettingOption } from "./setting-options.ts";
import { ferryVersion } from "./version.ts";
import { wrapProse } from "./wrap-prose.ts";

/** A command of `ferry`: adds itself to the program, and runs through the runner. */
export type RegisterCommand = (program: Command, runner: Runner) => void;

/** The whole command line. Parsing throws ParsingError instead of ending the process, and prints help, but nothing about errors. */
export function makeProgram(runner: Runner, { output, notes }: Pick<Surroundings, "output" | "notes">): Command {
  const program = new Command("ferry")
    .description("Carries Rivet actors' SQLite databases from v1 to v2 storage in FoundationDB.")
    .version(ferryVersion(), "-V, --version")
    .configureHelp(HELP_LAYOUT)
    .option("--json", "machine output on stdout; logs and progress always go to stderr");
  addSettings(program, "store", "redisUrl", "logLevel", "logFormat");
  program.addHelpText("after", AFTER_HELP);
  for (const register of Object.values<RegisterCommand>(commands)) {
    register(program, runner);
  }
  addHelp(program);
  refuseRepeats(program);
  const columns = (): number => output.columns ?? HELP_COLUMNS;
  quieten(program, {
    getOutHelpWidth: columns,
    // Nobody waits for help to be written: a reader who has had enough of it must not end up as an unhandled rejection.
    // Commander wraps its own part of it, and leaves what comes after that as it is.
    writeOut: (text) => void output.text(wrapProse(text, columns())).catch(() => undefined),
    writeErr: (text) => notes.stream.write(text),
    outputError: () => undefined,
  });
  return program;
}

/** Where standard output is no terminal, or one that does not say. */
const HELP_COLUMNS = 80;

const AFTER_HELP = `
Flags beat environment variables, which beat defaults.
Exit status: 0 done; 1 done, but something was rejected or failed; 2 usage; 3 the store or Redis cannot be reached; 4 a bug; 128 and the signal's number when interrupted (130 after Ctrl-C).`;

/**
 * `ferry help campaign show`, and the same in each group. Commander's own looks one level down, and shows all there is for a slip, as
 * `ferry campaing --help` would.
 */
function addHelp(group: Command): void {
  group.commands.filter(({ commands: below }) => below.length > 0).forEach(addHelp);
  group
    .addHelpText("before", () => {
      const [name] = group.args;
      commandAt(group, name === undefined || name.startsWith("-") ? [] : [name]);
      return "";
    })
    .helpCommand(false)
    .command("help")
    .description("display help for command")
    .argument("[command...]")
    .action((names: string[]) => {
      commandAt(group, names).help();
    });
}

function commandAt(group: Command, names: readonly string[]): Command {
  let command: Command = group;
  for (const name of names) {
    const next = command.commands.find((below) => below.name() === name);
    command = next ?? command.error(`error: unknown command '${name}'`, { code: "commander.unknownCommand" });
  }
  return command;
}

/**
 * Of two lists, campaigns or reasons the first would be left out without a word. Settings may be said again, as a script does that adds to a
 * command line what it is given: the last one counts.
 */
function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    if (option.required && !(option instanceof SettingOption)) {
      let isGiven = false;
      command.on(`option:${option.name()}`, () => {
        if (isGiven) {
          command.error(`error: option '${option.flags}' was given twice`, { code: "commander.invalidArgument" });
        }
        isGiven = true;
      });
    }
  }
  command.commands.forEach(refuseRepeats);
}

/** Commands take such settings over from their parent only when they are made after it has them. */
function quieten(command: Command, output: OutputConfiguration): void {
  command.configureOutput(output).exitOverride((error) => {
    throw new ParsingError(error, command);
  });
  for (const child of command.commands) {
    quieten(child, output);
  }
}
