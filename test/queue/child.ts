import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { eventually } from "./eventually.ts";

/** A script of test/queue/processes/ as a process of its own. */
export class Child {
  readonly process: ChildProcess;
  output = "";

  constructor(script: URL, ...args: readonly string[]) {
    this.process = spawn(process.execPath, ["--import", "tsx", fileURLToPath(script), ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.process.stdout?.on("data", (chunk: Buffer) => {
      this.output += chunk.toString();
    });
  }

  /** Until it has printed `text`. */
  printed(text: string, deadlineMs = 20_000): Promise<void> {
    return eventually(
      `the child prints ${text}; it printed: ${this.output}`,
      () => this.output.includes(text),
      deadlineMs,
    );
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  /** Its exit status, when it has ended and its output is complete. */
  async ended(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      await once(this.process, "close");
    }
    return this.process.exitCode;
  }

  /** Ends it, whatever its state; for afterEach. */
  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.ended();
  }
}
