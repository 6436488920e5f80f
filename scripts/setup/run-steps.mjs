import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureRedis } from "./redis.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = join(root, "node_modules", ".bin");
const scratch = mkdtempSync(join(tmpdir(), "ferry-test-"));
const countsFile = join(scratch, "counts");
const REPORTER = `--reporter=${join(root, "scripts", "setup", "counting-reporter.mjs")}`;

/** What the build of the sources makes is what the command-line tests run. */
export const BUILD = { name: "types", command: ["tsc", "-p", "tsconfig.build.json"] };

const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`, FERRY_TEST_COUNTS: countsFile };
const groups = new Set();
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    endGroups(interrupted ? "SIGKILL" : "SIGTERM");
    interrupted = true;
  });
}
process.on("exit", () => {
  endGroups("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

/**
 * Runs checks, two at a time and each with its output in one piece, and then the tests alone, as some of them measure. Every step runs,
 * whatever came before it. Says how each ended and how long it took; the last line has the test runner's own counts.
 * @param tests arguments of mocha.
 */
export async function runSteps({ checks, tests, environment = {} }) {
  ensureRedis();
  Object.assign(env, environment);
  const waiting = [...checks];
  const results = [];
  await Promise.all(
    [1, 2].map(async () => {
      for (let check = waiting.shift(); check !== undefined && !interrupted; check = waiting.shift()) {
        results.push(await run(check, "pipe"));
      }
    }),
  );
  if (!interrupted) {
    results.push(await run({ name: "tests", command: ["mocha", REPORTER, ...tests] }, "inherit"));
  }
  say("");
  for (const { name, status, seconds } of results) {
    say(`${status === 0 ? "ok    " : "FAILED"} ${name.padEnd(12)} ${seconds.toFixed(1)} s`);
  }
  say(readCounts());
  process.exitCode = interrupted ? 130 : results.every(({ status }) => status === 0) ? 0 : 1;
}

/** Runs a step in a process group of its own, of which nothing is left afterwards; piped output is shown when it ends. */
async function run({ name, command: [program, ...args] }, output) {
  const title = `\n== ${name}: ${program} ${args.filter((arg) => arg !== REPORTER).join(" ")}`;
  if (output === "inherit") {
    say(title);
  }
  const startedAtMs = performance.now();
  const child = spawn(join(bin, program), args, { cwd: root, env, stdio: ["ignore", output, output], detached: true });
  groups.add(child.pid);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk) => (text += chunk));
  }
  const closed = once(child, "close");
  await once(child, "exit");
  endGroup(child.pid, "SIGKILL");
  const [status] = await closed;
  groups.delete(child.pid);
  if (output === "pipe") {
    say(`${title}\n${text.trimEnd()}`);
  }
  return { name, status, seconds: (performance.now() - startedAtMs) / 1000 };
}

function endGroups(signal) {
  groups.forEach((group) => endGroup(group, signal));
}

/** Tests start servers and workers; those of an interrupted run must not outlive it. */
function endGroup(group, signal) {
  try {
    process.kill(-group, signal);
  } catch {
    // None is left.
  }
}

/** The runner writes its counts at its end; without them it never got there. */
function readCounts() {
  try {
    return readFileSync(countsFile, "utf8").trim();
  } catch {
    return "0 passed, 1 failed, 0 skipped (the test runner did not finish)";
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
