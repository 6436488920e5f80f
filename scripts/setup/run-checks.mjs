import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureRedis } from "./redis.mjs";

/*
 * npm test: everything that has to hold, each step with its time; the tests last. Every step runs, whatever came before it. The last line
 * has the test runner's own counts.
 */

const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = join(root, "node_modules", ".bin");
const scratch = mkdtempSync(join(tmpdir(), "ferry-test-"));
const countsFile = join(scratch, "counts");
const reporter = join(root, "scripts", "setup", "counting-reporter.mjs");

const STEPS = [
  { name: "format", command: ["prettier", "--check", "--log-level", "warn", "."] },
  { name: "lint", command: ["eslint", "."] },
  // The build checks the sources' types; the command-line tests run what it makes.
  { name: "types", command: ["tsc", "-p", "tsconfig.build.json"] },
  { name: "test types", command: ["tsc", "-p", "test"] },
  { name: "layers", command: ["depcruise", "--output-type", "err", "src", "workers", "producers", "test"] },
  { name: "unused", command: ["knip"] },
  { name: "tests", command: ["mocha", "--reporter", reporter, ...process.argv.slice(2)] },
];

ensureRedis();
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`, FERRY_TEST_COUNTS: countsFile };
const results = STEPS.map(runStep);
say("");
for (const { name, status, seconds } of results) {
  say(`${status === 0 ? "ok    " : "FAILED"} ${name.padEnd(12)} ${seconds.toFixed(1)} s`);
}
say(readCounts());
rmSync(scratch, { recursive: true, force: true });
process.exitCode = results.every(({ status }) => status === 0) ? 0 : 1;

function runStep({ name, command: [program, ...args] }) {
  say(`\n== ${name}: ${program} ${args.filter((arg) => arg !== reporter).join(" ")}`);
  const startedAtMs = performance.now();
  const { status } = spawnSync(join(bin, program), args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  return { name, status, seconds: (performance.now() - startedAtMs) / 1000 };
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
