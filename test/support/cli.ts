import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { runCommandLine } from "../../src/cli/command-line.ts";
import { InterruptedError } from "../../src/cli/interrupted-error.ts";
import { Notes } from "../../src/cli/notes.ts";
import { Output } from "../../src/cli/output.ts";

const LAUNCHER = fileURLToPath(new URL("../../bin/ferry.mjs", import.meta.url));

/** How a command ended, and what it said. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command runs with, over an environment without any of Ferry's own variables. */
export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; default: none. */
  readonly input?: string;
  readonly cwd?: string;
  readonly nodeArgs?: readonly string[];
  /** No file grows beyond this, as on a disk without room; what a shell's `ulimit -f` can do, so that it needs no rights. */
  readonly maxFileBytes?: number | undefined;
}

const ULIMIT_BLOCK_BYTES = 512;

/** The `ferry` command as a process of its own. */
export class FerryProcess {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly #ended: Promise<Ended>;

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const { maxFileBytes } = options;
    const limits =
      maxFileBytes === undefined
        ? []
        : ["sh", "-c", `ulimit -f ${Math.floor(maxFileBytes / ULIMIT_BLOCK_BYTES)} && exec "$0" "$@"`];
    const command = [...limits, process.execPath, ...(options.nodeArgs ?? []), LAUNCHER, ...args];
    this.child = spawn(command[0] ?? "", command.slice(1), {
      env: { ...cleanEnvironment(), ...options.env },
      cwd: options.cwd,
      stdio: "pipe",
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.child.stdin?.on("error", () => undefined);
    this.child.stdin?.end(options.input ?? "");
    this.#ended = once(this.child, "close").then(([status]) => ({
      status: status as number | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when the process has ended and its output is read. */
  ended(): Promise<Ended> {
    return this.#ended;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves when standard error has this text. @throws when the process ends before. */
  async said(text: string): Promise<void> {
    while (!this.stderr.includes(text)) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`ferry ended without saying "${text}":\n${this.stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/**
 * Runs a command in this process: the same code without the second it takes to start one.
 * `interruptAt`: as Ctrl-C when it first writes there. `columns`: of the terminal that standard output is; default: it is none.
 */
export async function ferryHere(
  args: readonly string[],
  options: Pick<CommandOptions, "env" | "input"> & {
    readonly interruptAt?: "stdout" | "stderr";
    readonly columns?: number;
  } = {},
): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = { stdout: "", stderr: "" };
  const interruption = new AbortController();
  for (const [name, stream] of [
    ["stdout", stdout],
    ["stderr", stderr],
  ] as const) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
      if (options.interruptAt === name) {
        interruption.abort(new InterruptedError("SIGINT"));
      }
    });
  }
  const status = await runCommandLine(args, {
    environment: options.env ?? {},
    stdin: Readable.from([Buffer.from(options.input ?? "")]),
    output: new Output(Object.assign(stdout, options.columns !== undefined && { columns: options.columns })),
    notes: new Notes(stderr),
    signal: interruption.signal,
  });
  await new Promise((resolve) => setImmediate(resolve));
  return { status, ...texts };
}

/** Runs a command to its end, as a process of its own. */
export function ferry(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return new FerryProcess(args, options).ended();
}

function cleanEnvironment(): Record<string, string | undefined> {
  // eslint-disable-next-line n/no-process-env -- children get what tests were started with, but for Ferry's own variables
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FERRY_")));
}
