import type { Readable } from "node:stream";
import type { Command } from "commander";
import { loadConfig, type Config, type Environment } from "../config/config.ts";
import { UsageError } from "../errors.ts";
import type { MigrationQueue } from "../queue/migration-queue.ts";
import type { Store } from "../store/store.ts";
import type { OpenStoreOptions } from "../store/open-store.ts";
import { EXIT, type ExitStatus } from "./exit-status.ts";
import type { Notes } from "./notes.ts";
import type { Output } from "./output.ts";
import { redisOptions } from "./redis-settings.ts";
import { givenFlags, SettingOption } from "./setting-options.ts";

/** What the process offers to a command. */
export interface Surroundings {
  readonly environment: Environment;
  readonly stdin: Readable;
  readonly output: Output;
  readonly notes: Notes;
  /** Fires with an InterruptedError when the user asks to stop. */
  readonly signal: AbortSignal;
}

/** What a command gets to work with; all it opens is closed when it ends. */
export interface Run extends Surroundings {
  readonly config: Config;
  /** Whether standard output is for machines. */
  readonly json: boolean;
  /**
   * The store of the configuration. A misspelt path must not become a new, empty store, whose campaigns end with nothing to do: only
   * what brings data in asks for `create`. What reads or writes many actors, and can be run again where it was held back for too long,
   * asks for `batch` priority.
   * @throws UsageError, UnavailableError
   */
  openStore(options?: OpenStoreOptions): Promise<Store>;
  /** The queue of the configuration. @throws UsageError, UnavailableError */
  openQueue(): Promise<MigrationQueue>;
}

/** Runs commands: reads the configuration, hands out what they need, closes it, and keeps the exit status. */
export class Runner {
  readonly #surroundings: Surroundings;
  /** Of the last command. */
  exitStatus: ExitStatus = EXIT.done;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Runs the body of a command; it returns the exit status, or nothing for 0. */
  async run(command: Command, body: (run: Run) => Promise<ExitStatus | undefined>): Promise<void> {
    assertNoneEmpty(command);
    const config = loadConfig(this.#surroundings.environment, givenFlags(command));
    const opened: { close(): Promise<void> }[] = [];
    const keep = <T extends { close(): Promise<void> }>(resource: T): T => {
      opened.push(resource);
      return resource;
    };
    const run: Run = {
      ...this.#surroundings,
      config,
      json: command.optsWithGlobals<{ json?: boolean }>().json === true,
      // Loaded when needed: the engines and the queue's client take a third of a second, and --help needs neither.
      openStore: async (options) => {
        const { openStore } = await import("../store/open-store.ts");
        return keep(await openStore(config.store, { create: false, signal: run.signal, ...options }));
      },
      openQueue: async () => {
        const { MigrationQueue } = await import("../queue/migration-queue.ts");
        return keep(await MigrationQueue.open(redisOptions(config)));
      },
    };
    try {
      this.exitStatus = (await body(run)) ?? EXIT.done;
      await run.output.flush();
    } catch (error) {
      // What the command failed of is what the operator has to know.
      await closeAll(opened).catch(() => undefined);
      throw error;
    }
    await closeAll(opened);
  }
}

/** What a shell makes of a variable that is not set means nothing to any flag. Settings say themselves what to write. @throws UsageError */
function assertNoneEmpty(command: Command): void {
  const empty = command.options.find(
    (option) => !(option instanceof SettingOption) && command.getOptionValue(option.attributeName()) === "",
  );
  if (empty !== undefined) {
    throw new UsageError(`${empty.long ?? ""} "" cannot be used: write something, or leave it out.`);
  }
}

/** Closes the last that was opened first; one that fails keeps none of the others from it. */
async function closeAll(opened: readonly { close(): Promise<void> }[]): Promise<void> {
  const last = opened.at(-1);
  if (last === undefined) {
    return;
  }
  try {
    await last.close();
  } finally {
    await closeAll(opened.slice(0, -1));
  }
}
