import { mkdtempSync, openSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { ensureRedis, startRedis } from "../setup/redis.mjs";
import { Children } from "./children.mjs";
import { compareDatabases, makeDatabases, query } from "./databases.mjs";

/*
 * npm run demo: databases go in as v1, through the queue and two workers, and come out of v2 again. Everything lives in a temporary folder
 * and on loopback, and ends with this process, also when it is interrupted.
 */

const ferry = fileURLToPath(new URL("../../bin/ferry.mjs", import.meta.url));
/** Names of cli-table3 for lines of a table; without them it fits 80 columns. */
const BORDERS = ["top", "bottom", "left", "right"]
  .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
  .concat("mid", "left-mid", "mid-mid", "right-mid");

const startedAtMs = performance.now();
const folder = mkdtempSync(join(tmpdir(), "ferry-demo-"));
const children = new Children();
let interrupted = false;

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (interrupted) {
      children.killAll();
    }
    interrupted = true;
    void children.end();
  });
}
process.on("exit", () => {
  children.killAll();
  rmSync(folder, { recursive: true, force: true });
});

try {
  await demo();
} catch (error) {
  if (!interrupted) {
    process.stderr.write(`The demo failed: ${error.message}\n`);
    process.exitCode = 1;
  }
} finally {
  await children.end();
  if (interrupted) {
    process.stderr.write("Interrupted; everything that was started has ended.\n");
    process.exitCode = 130;
  }
}

async function demo() {
  const redis = await startRedis(ensureRedis(), folder);
  children.keep(redis.child);
  const env = {
    ...process.env,
    FERRY_STORE: `lmdb:${join(folder, "store")}`,
    FERRY_REDIS_URL: redis.url,
    FERRY_METRICS_PORT: "0",
  };
  const run = async (args, options = {}) => {
    assertNotInterrupted();
    const { status, output } = await children.run(process.execPath, [ferry, ...args], { env, ...options });
    assertNotInterrupted();
    if (status > 1) {
      throw new Error(`ferry ${args.join(" ")} ended with status ${status}`);
    }
    return output;
  };

  say("1. Making SQLite databases, and importing each as an actor's v1 data (ferry v1 import)");
  const actors = makeDatabases(folder);
  await Promise.all(actors.map((actor, index) => importActor(run, actor, index)));
  show(
    ["ACTOR", "DATABASE", "SIZE", "SHOWS"],
    actors.map((actor) => [actor.id, actor.name, sizeOf(actor), actor.shows]),
  );

  say(
    "2. Two worker processes (ferry worker), then all actors with v1 data onto the queue (ferry enqueue --scan --wait)",
  );
  const workers = [1, 2].map((number) => {
    const log = openSync(join(folder, `worker-${number}.log`), "w");
    return children.start(process.execPath, [ferry, "worker"], { env, stdio: ["ignore", log, log] });
  });
  await run(["enqueue", "--scan", "--wait"], { stdio: ["ignore", "ignore", "inherit"] });

  say("3. What became of them (ferry outcomes)");
  const outcomes = (await run(["outcomes", "--json"]))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const nameOf = new Map(actors.map((actor) => [actor.id, actor.name]));
  show(
    ["ACTOR", "DATABASE", "STATE", "REASON", "PAGES"],
    outcomes.map(({ actorId, state, reason = "", pages = "" }) => [actorId, nameOf.get(actorId), state, reason, pages]),
  );

  say("4. One of them exported from v2 (ferry v2 export) and queried with SQLite");
  const shop = actors.find((actor) => actor.name === "shop");
  const exported = join(folder, "shop-from-v2.sqlite");
  await run(["v2", "export", shop.id, exported], { stdio: ["ignore", "ignore", "ignore"] });
  const tables = compareDatabases(shop.file, exported);
  show(
    ["TABLE", "ROWS", "SAME AS BEFORE"],
    tables.map(({ table, rows, same }) => [table, rows, same ? "yes" : "NO"]),
  );
  process.stdout.write("\n");
  const best = query(exported, "SELECT name, cents FROM spent ORDER BY cents DESC LIMIT 3");
  show(
    ["SELECT … FROM spent", "CENTS"],
    best.map(({ name, cents }) => [name, cents]),
  );
  const check = query(exported, "PRAGMA integrity_check")[0]?.integrity_check;
  await children.end(workers);
  assertAllWell(outcomes, tables, check);
  say(`integrity_check: ${check}. Done in ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s.`);
}

async function importActor(run, actor, index) {
  // Not all at once: each is a process of its own.
  await new Promise((resolve) => setTimeout(resolve, index * 300));
  const journal = actor.journal === undefined ? [] : ["--journal", actor.journal];
  const life = actor.awake === true ? ["--awake"] : ["--asleep"];
  actor.id = (await run(["v1", "import", actor.file, ...journal, ...life])).trim();
}

/** The demo is a check as well. */
function assertAllWell(outcomes, tables, check) {
  const states = outcomes.map(({ state, reason }) => `${state} ${reason ?? ""}`.trim()).sort();
  const expected = [
    "deferred actor_awake",
    "migrated",
    "migrated",
    "migrated",
    "migrated",
    "migrated",
    "rejected journal_present",
    "rejected magic_mismatch",
  ];
  if (states.join() !== expected.join() || check !== "ok" || !tables.every(({ same }) => same)) {
    throw new Error(`unexpected result: ${states.join(", ")}; integrity_check ${check}`);
  }
}

function assertNotInterrupted() {
  if (interrupted) {
    throw new Error("interrupted");
  }
}

function sizeOf({ file }) {
  const { size } = statSync(file);
  return size > 1024 * 1024 ? `${(size / 1024 / 1024).toFixed(1)} MiB` : `${Math.ceil(size / 1024)} KiB`;
}

function say(text) {
  process.stdout.write(`\n${process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text}\n`);
}

function show(head, rows) {
  const chars = Object.fromEntries(BORDERS.map((border) => [border, ""]));
  const table = new Table({
    head,
    chars: { ...chars, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  table.push(...rows);
  process.stdout.write(`${table.toString()}\n`);
}
