import { spawn } from "node:child_process";
import { once } from "node:events";

/** The processes of the demo: none outlives it. */
export class Children {
  #running = new Set();

  /** Starts a process and remembers it. */
  start(command, args, options) {
    const child = spawn(command, args, options);
    return this.keep(child);
  }

  /** Remembers a process that was started elsewhere. */
  keep(child) {
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    return child;
  }

  /** Runs a process to its end and gives its standard output; standard error goes to ours. */
  async run(command, args, options = {}) {
    const child = this.start(command, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => (output += text));
    const [status] = await once(child, "close");
    return { status, output };
  }

  /** Asks all to end and waits; those that do not are killed. */
  async end(children = [...this.#running]) {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) {
          return;
        }
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
        await ended;
        clearTimeout(timer);
      }),
    );
  }

  killAll() {
    for (const child of this.#running) {
      child.kill("SIGKILL");
    }
  }
}
