import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Redis } from "ioredis";

/** `append`: keeps its data over a restart. `args`: further options of redis-server, e.g. `["--requirepass", "x"]`. */
export interface TestRedisOptions {
  readonly append?: boolean;
  readonly args?: readonly string[];
}

/** A Redis of its own on a free port of loopback, in a temporary folder. */
export class TestRedis {
  readonly port: number;
  readonly #folder: string;
  readonly #options: TestRedisOptions;
  #process: ChildProcess | undefined;
  /** A run that ends early takes the server along. */
  readonly #killAtExit = (): void => {
    this.#process?.kill("SIGKILL");
  };

  static async start(options: TestRedisOptions = {}): Promise<TestRedis> {
    const redis = new TestRedis(await freePort(), await mkdtemp(join(tmpdir(), "ferry-redis-")), options);
    process.on("exit", redis.#killAtExit);
    await redis.resume();
    return redis;
  }

  private constructor(port: number, folder: string, options: TestRedisOptions) {
    this.port = port;
    this.#folder = folder;
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts the server, again after `interrupt`, and waits until it takes connections; nothing to do when it runs. */
  async resume(): Promise<void> {
    if (this.#process !== undefined) {
      return;
    }
    const binary = await findServer();
    this.#process = spawn(
      binary,
      [
        ...["--bind", "127.0.0.1", "--port", String(this.port), "--dir", this.#folder, "--save", ""],
        ...(this.#options.append === true ? ["--appendonly", "yes"] : []),
        ...(this.#options.args ?? []),
      ],
      { stdio: "ignore" },
    );
    const deadline = Date.now() + 10_000;
    while (!(await answers(this.port))) {
      if (Date.now() > deadline || this.#process.exitCode !== null) {
        throw new Error(`redis-server did not start on port ${this.port}`);
      }
      await sleep(20);
    }
  }

  /** Ends the server and keeps its folder. */
  async interrupt(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.exitCode === null) {
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
    }
  }

  /** Kills the server and removes what it had saved: `resume` starts one that knows nothing. */
  async lose(): Promise<void> {
    await this.interrupt("SIGKILL");
    await rm(this.#folder, { recursive: true });
    await mkdir(this.#folder);
  }

  /** Lets the server stand still, as a host does that swaps: connections stay, and nothing answers. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Ends the server and removes what it left. */
  async stop(): Promise<void> {
    await this.interrupt();
    process.off("exit", this.#killAtExit);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A port of loopback that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") {
    throw new Error("no port");
  }
  return address.port;
}

/** redis-server or valkey-server on PATH. */
async function findServer(): Promise<string> {
  // eslint-disable-next-line n/no-process-env -- tests look for the server where the shell would
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    for (const name of ["redis-server", "valkey-server"]) {
      const path = join(folder, name);
      if (
        await access(path).then(
          () => true,
          () => false,
        )
      ) {
        return path;
      }
    }
  }
  throw new Error("These tests need redis-server or valkey-server on PATH.");
}

/** An error is an answer too: a server with a password refuses PING. */
async function answers(port: number): Promise<boolean> {
  const probe = new Redis({
    port,
    host: "127.0.0.1",
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  probe.on("error", () => undefined);
  try {
    await probe.connect();
    const reply = await probe.ping().catch((error: unknown) => (error instanceof Error ? error.message : ""));
    return reply === "PONG" || reply.startsWith("NOAUTH");
  } catch {
    return false;
  } finally {
    probe.disconnect();
  }
}
