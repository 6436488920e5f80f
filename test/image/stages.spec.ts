import { expect } from "chai";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, symlink } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { TestRedis } from "../support/redis.ts";
import { isList, originOf, ROOT, stage, wordsOf, type Stage } from "./dockerfile.ts";

const run = promisify(execFile);

/** The environment of a container, nearly: nothing of the tests' own but where programs and npm's settings and cache are. */
// eslint-disable-next-line n/no-process-env -- see above
const { PATH = "", HOME = "" } = process.env;
const CLEAN = { PATH, HOME, npm_config_prefer_offline: "true" };

/**
 * Does what a stage's instructions say, in a folder of its own that stands for the file system of its image: no container engine runs
 * where this is tested. What comes from other images than Node's is left out.
 */
async function follow({ name, instructions }: Stage, folder: string): Promise<void> {
  const root = join(folder, name);
  const inImage = (path: string, workdir: string): string =>
    join(root, path.startsWith("/") ? path : join(workdir, path));
  let workdir = "/";
  for (const instruction of instructions) {
    const words = wordsOf(instruction);
    switch (instruction.getKeyword()) {
      case "WORKDIR":
        workdir = words[0] ?? "";
        await mkdir(inImage(workdir, "/"), { recursive: true });
        break;
      case "COPY": {
        const from = originOf(instruction);
        const [source = ""] = words;
        const target = inImage(words.at(-1) ?? "", workdir);
        await mkdir(dirname(target), { recursive: true }); // as Docker does
        if (from === undefined) {
          await run("cp", ["-R", ...words.slice(0, -1).map((word) => join(ROOT, word)), target]);
        } else if (existsSync(join(folder, from))) {
          await rename(join(folder, from, source), target); // nothing else wants it, and a copy of node_modules takes long
        }
        break;
      }
      case "RUN": {
        if (words.join(" ") === "npm ci") {
          // As in any checkout: what this command made where the tests run stands in for doing it again, which takes a minute.
          await symlink(join(ROOT, "node_modules"), inImage("node_modules", workdir));
          break;
        }
        const command = isList(instruction)
          ? words.map((word) => (word.startsWith("/") ? inImage(word, "/") : word))
          : ["sh", "-c", words.join(" ")];
        const target = command.at(-1) ?? "";
        if (isList(instruction)) {
          await mkdir(dirname(target), { recursive: true });
        }
        await run(command[0] ?? "", command.slice(1), { cwd: inImage(workdir, "/"), env: CLEAN }).catch(
          (error: unknown) => {
            const { stdout, stderr } = error as { stdout: string; stderr: string };
            throw new Error(`${name}: ${words.join(" ")}\n${stdout}${stderr}`, { cause: error });
          },
        );
        break;
      }
      default:
        break;
    }
  }
}

/** Status and body of a request. */
async function fetchText(url: string): Promise<{ status: number | undefined; body: string }> {
  const [response] = (await once(get(url), "response")) as [AsyncIterable<Buffer> & { statusCode?: number }];
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(chunk);
  }
  return { status: response.statusCode, body: Buffer.concat(chunks).toString() };
}

describe("the image's stages, followed in a clean folder", function () {
  this.timeout(600_000); // npm ci and a build: less than a minute where npm's cache is warm and nothing else runs
  let folder: string;
  let app: string;
  let redis: TestRedis;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ferry-image-"));
    app = join(folder, "ferry", "app");
    redis = await TestRedis.start();
    for (const name of ["build", "production-dependencies", "ferry"]) {
      await follow(stage(name), folder);
    }
  });
  after(async () => {
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  it("end with what runs, and without what only builds and tests", () => {
    for (const path of [
      "dist/workers/worker.js",
      "dist/producers/campaign.js",
      "dist/src/cli/main.js",
      "docs/runbooks/failed.md",
    ]) {
      expect(existsSync(join(app, path)), path).to.equal(true);
    }
    for (const path of ["node_modules/typescript", "node_modules/tsx", "src", "test", ".git"]) {
      expect(existsSync(join(app, path)), path).to.equal(false);
    }
  });

  it("end with a ferry command that runs what was built", async () => {
    const ferry = join(folder, "ferry/usr/local/bin/ferry");
    const { stdout } = await run(join(app, "bin/ferry.mjs"), ["--version"], { env: CLEAN });
    expect(stdout).to.match(/^\d+\.\d+\.\d+/);
    expect((await run(ferry, ["--version"], { env: CLEAN })).stdout).to.equal(stdout);
  });

  it("end with a worker that serves, is ready, and stops when it is told to", async () => {
    const store = `lmdb:${join(folder, "store")}`;
    await run(join(app, "bin/ferry.mjs"), ["store", "load", "/dev/null", "--store", store], { env: CLEAN });
    const worker = start(app, wordsOf(lastOf("ENTRYPOINT")), wordsOf(lastOf("CMD")), {
      FERRY_STORE: store,
      FERRY_REDIS_URL: redis.url,
    });
    try {
      const base = await worker.listening;
      expect(await fetchText(`${base}/healthz`)).to.deep.equal({ status: 200, body: "ok\n" });
      expect((await fetchText(`${base}/metrics`)).body).to.match(/^ferry_build_info\{/m);
      const deadline = Date.now() + 30_000;
      while ((await fetchText(`${base}/readyz`)).status !== 200 && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect((await fetchText(`${base}/readyz`)).status).to.equal(200);
    } finally {
      worker.process.kill("SIGTERM");
    }
    const [status] = (await once(worker.process, "exit")) as [number | null];
    expect(status).to.equal(0);
  });
});

const lastOf = (keyword: string): Stage["instructions"][number] => {
  const found = stage("ferry").instructions.find((one) => one.getKeyword() === keyword);
  if (found === undefined) {
    throw new Error(`the image has no ${keyword}`);
  }
  return found;
};

/** Starts the image's command; `listening` is the address that its log names. */
function start(
  cwd: string,
  entryPoint: readonly string[],
  command: readonly string[],
  settings: Readonly<Record<string, string>>,
): { process: ChildProcess; listening: Promise<string> } {
  const [program = "", ...args] = [...entryPoint, ...command];
  const env = { ...CLEAN, NODE_ENV: "production", FERRY_METRICS_PORT: "0", FERRY_LOG_FORMAT: "json", ...settings };
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "ignore", "pipe"] });
  const lines: string[] = [];
  const listening = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      const { event, host, port } = parseLine(line);
      if (event === "metrics.listening") {
        resolve(`http://${String(host)}:${String(port)}`);
      }
    });
    child.once("exit", () => {
      reject(new Error(`the worker ended:\n${lines.join("\n")}`));
    });
  });
  return { process: child, listening };
}

function parseLine(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}
