import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { Redis } from "ioredis";
import { campaignLedger } from "../src/campaign/ledger/campaign-ledger.ts";
import { finishedAndBad } from "../src/campaign/campaign-counts.ts";
import { auditCampaign } from "../src/campaign/audit.ts";
import { readView } from "../src/campaign/progress/view.ts";
import { watchLines } from "../src/cli/campaign/watch-lines.ts";
import { PAGE_BYTES } from "../src/formats/sqlite-header.ts";
import { outcomeOf } from "../src/migration/verdict.ts";
import { MigrationQueue } from "../src/queue/migration-queue.ts";
import { WorkerHost } from "../src/queue/worker-host.ts";
import { openStore } from "../src/store/open-store.ts";
import type { KeyValue, Store } from "../src/store/store.ts";
import { readCommandLine, readCount } from "./command-line.ts";
import { benchId, sizeRows, startCampaign, writeRows } from "./fixtures.ts";
import { isFlat, quarters } from "./flat.ts";
import { ferryHere } from "../test/support/cli.ts";
import { TestRedis } from "../test/support/redis.ts";

/*
 * npm run bench:million: a campaign of a million actors with nothing to migrate, to see how the feeder, the ledger and the queue bear
 * the number alone. The feeder is a real one; workers record an outcome for each actor and read no image. Prints one line per
 * interval and a summary.
 */

const NAME = "million";
const HERE = fileURLToPath(import.meta.url);
const FEEDER = fileURLToPath(new URL("../producers/campaign.ts", import.meta.url));
const MIB = 1024 * 1024;
/** The window counts as full with this share of it waiting or running: between two looks of the feeder some are always done. */
const FULL = 0.5;
/** How often the window is looked at: workers empty it within seconds. */
const WINDOW_LOOK_MS = 1_000;
/** `show`, and a frame of `watch`, have to be there within this. */
const SHOW_LIMIT_MS = 1_000;
/** Fewer looks than these say nothing of memory. */
const ENOUGH_LOOKS = 20;

interface Options {
  readonly actors: number;
  readonly workers: number;
  readonly concurrency: number;
  readonly window: number;
  readonly every: number;
  /** Makes this process one of the workers; with the store's address and Redis's. */
  readonly workOn?: string;
  readonly redis?: string;
}

const options = readCommandLine(
  new Command("npm run bench:million --")
    .description(
      "A campaign of actors with nothing to migrate, on a Redis and a store of its own: how the feeder, the ledger and the queue bear the " +
        "number alone. Ends with 1 when something is not as it must be. Half an hour and 3 GB of disk for a million.",
    )
    .option("--actors <n>", "how many", readCount, 1_000_000)
    .option("--workers <n>", "processes that record an outcome for each", readCount, 2)
    .option("--concurrency <n>", "actors that each of them has at once", readCount, 64)
    .option("--window <n>", "most jobs left waiting in Redis", readCount, 5_000)
    .option("--every <seconds>", "how often it looks", readCount, 10)
    .addOption(new Option("--work-on <store>").hideHelp())
    .addOption(new Option("--redis <url>").hideHelp()),
).opts<Options>();

if (options.workOn !== undefined) {
  await work(options.workOn, options.redis ?? "", options.concurrency);
} else {
  await measure();
}

/** A worker whose migrations do nothing but record that they were done. */
async function work(storeUrl: string, redisUrl: string, concurrency: number): Promise<void> {
  const store = await openStore(storeUrl);
  const host = await WorkerHost.start({
    redis: { url: redisUrl },
    concurrency,
    onExhausted: () => Promise.resolve(),
    process: async ({ actorId, campaign = NAME }) => {
      const ledger = campaignLedger(campaign, Date.now);
      await store.transact(
        async (tx) => {
          const previous = await ledger.read(tx, actorId);
          const image = { pages: 1, bytes: PAGE_BYTES, sha256: "00".repeat(32) };
          const facts = { previous, finishedAtMs: Date.now(), campaign };
          const verdict = { state: "migrated", layout: "shards", verified: false, image } as const;
          ledger.write(tx, outcomeOf(actorId, verdict, facts), previous);
        },
        { label: "record" },
      );
      return { kind: "done" };
    },
  });
  await once(process, "SIGTERM");
  await host.stop();
  await store.close();
}

/** The window at a time when there was more to be fed than it had room for. */
interface WindowLook {
  readonly open: number;
  /** Jobs that no worker has taken. */
  readonly waiting: number;
}

interface Look {
  readonly seconds: number;
  readonly done: number;
  readonly todo: number;
  readonly open: number;
  /** The command's work, without the start of a process. */
  readonly showMs: number;
  readonly watchMs: number;
  readonly redisMiB: number;
  readonly feederMiB: number;
  readonly workersMiB: readonly number[];
}

async function measure(): Promise<void> {
  const { actors, window } = options;
  const folder = await mkdtemp(join(tmpdir(), "ferry-million-"));
  const redis = await TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] });
  const store = await openStore(`lmdb:${folder}`);
  const client = new Redis(redis.url);
  const queue = await MigrationQueue.open({ url: redis.url });
  const ended = new AbortController();
  const children: ChildProcess[] = [];
  try {
    const startedAtMs = performance.now();
    await writeRows(store, sizesOf(actors));
    say(`${actors} actors written in ${Math.round((performance.now() - startedAtMs) / 1000)} s`);
    await startCampaign(store, NAME, window);
    const env = { FERRY_STORE: `lmdb:${folder}`, FERRY_REDIS_URL: redis.url, FERRY_METRICS_PORT: "off" };
    const feeder = run(["--import", "tsx", FEEDER], env);
    const here = ["--import", "tsx", HERE, "--work-on", `lmdb:${folder}`, "--redis", redis.url];
    const workers = Array.from({ length: options.workers }, () =>
      run([...here, "--concurrency", String(options.concurrency)], {}),
    );
    children.push(feeder, ...workers);
    const watchingWindow = watchWindow({ store, queue, window, signal: ended.signal });
    const looks = await watch({ store, client, feeder, workers, env });
    ended.abort();
    summarize(looks, await watchingWindow, { actors, window });
    const auditedAtMs = performance.now();
    const audit = await auditCampaign(store, NAME);
    const seconds = Math.round((performance.now() - auditedAtMs) / 1000);
    say(
      `audit             ${audit.actors} actors recounted in ${seconds} s, ${audit.differences.length} counts differ`,
    );
    if (audit.actors !== actors || audit.differences.length > 0) {
      process.exitCode = 1;
    }
  } finally {
    ended.abort();
    for (const child of children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    client.disconnect();
    await queue.close();
    await store.close();
    await redis.stop();
    await rm(folder, { recursive: true });
  }
}

/** Looks every few seconds until the campaign is over. */
async function watch(what: {
  store: Store;
  client: Redis;
  feeder: ChildProcess;
  workers: readonly ChildProcess[];
  env: Readonly<Record<string, string>>;
}): Promise<Look[]> {
  const { store, client, feeder, workers, env } = what;
  const startedAtMs = performance.now();
  const looks: Look[] = [];
  for (;;) {
    await sleep(options.every * 1000);
    const showMs = await msOf(async () => ferryHere(["campaign", "show", NAME], { env }));
    const watchMs = await msOf(async () =>
      watchLines(await readView(store, NAME, Date.now()), { columns: 100, color: true }),
    );
    const { campaign, counts } = await readView(store, NAME, Date.now());
    const memory = /used_memory:(\d+)/.exec(await client.info("memory"))?.[1] ?? "0";
    const look: Look = {
      seconds: Math.round((performance.now() - startedAtMs) / 1000),
      done: finishedAndBad(counts).finished,
      todo: counts.todo.actors,
      open: counts.open.actors,
      showMs,
      watchMs,
      redisMiB: Math.round(Number(memory) / MIB),
      feederMiB: await rssMiB(feeder),
      workersMiB: await Promise.all(workers.map(rssMiB)),
    };
    looks.push(look);
    const { done, todo, open, redisMiB, feederMiB, workersMiB } = look;
    say(
      `${look.seconds} s: done ${done}, to do ${todo}, open ${open}; show ${look.showMs} ms, watch ${look.watchMs} ms; ` +
        `MiB: Redis ${redisMiB}, feeder ${feederMiB}, workers ${workersMiB.join(" ")}`,
    );
    if (campaign.state !== "running") {
      say(`the campaign is ${campaign.state}`);
      return looks;
    }
    const dead = [feeder, ...workers].find(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null);
    if (dead !== undefined) {
      throw new Error(`ended with ${dead.exitCode ?? dead.signalCode ?? ""}: ${dead.spawnargs.join(" ")}`);
    }
  }
}

/**
 * Looks at the window from when it was full first, for as long as the scan goes on or the list has more than it has room for: from then on
 * it should be full, and workers must never find the queue empty.
 */
async function watchWindow(what: {
  store: Store;
  queue: MigrationQueue;
  window: number;
  signal: AbortSignal;
}): Promise<WindowLook[]> {
  const { store, queue, window, signal } = what;
  const looks: WindowLook[] = [];
  while (!signal.aborted) {
    await sleep(WINDOW_LOOK_MS, undefined, { signal }).catch(() => undefined);
    const [{ campaign, counts }, { waiting }] = await Promise.all([readView(store, NAME, Date.now()), queue.counts()]);
    const open = counts.open.actors;
    const hasMore = !campaign.scanFinished || counts.todo.actors > window - open;
    if (hasMore && campaign.state === "running" && (looks.length > 0 || open >= window * FULL)) {
      looks.push({ open, waiting });
    }
  }
  return looks;
}

function summarize(
  looks: readonly Look[],
  windows: readonly WindowLook[],
  { actors, window }: { actors: number; window: number },
): void {
  const seconds = looks.at(-1)?.seconds ?? 0;
  const full = windows.filter(({ open }) => open >= window * FULL).length;
  const idle = windows.filter(({ waiting }) => waiting === 0).length;
  const fills = windows.map(({ open }) => Math.round((open / window) * 100)).toSorted((a, b) => a - b);
  const fillAt = (part: number): number => fills[Math.floor((fills.length - 1) * part)] ?? 0;
  const slowest = Math.max(...looks.flatMap(({ showMs, watchMs }) => [showMs, watchMs]));
  const memories = [
    { name: "Redis", values: looks.map(({ redisMiB }) => redisMiB) },
    { name: "feeder", values: looks.map(({ feederMiB }) => feederMiB) },
    ...(looks[0]?.workersMiB ?? []).map((_, index) => ({
      name: `worker ${index + 1}`,
      values: looks.map(({ workersMiB }) => workersMiB[index] ?? 0),
    })),
  ];
  say(
    [
      `actors            ${actors} in ${seconds} s, ${Math.round(actors / Math.max(1, seconds))}/s`,
      `window            at least half full at ${full} of ${windows.length} looks while more was to be fed; ` +
        `${fillAt(0)} % at least, ${fillAt(0.1)} % at nine looks of ten, ${fillAt(0.5)} % in the median`,
      `queue             empty at ${idle} of these looks, ${Math.min(...windows.map(({ waiting }) => waiting))} jobs waiting at least`,
      `show, watch       ${slowest} ms at most${slowest > SHOW_LIMIT_MS ? ": TOO SLOW" : ""}`,
      ...memories.map(({ name, values }) => `${name.padEnd(18)}${memoryText(values)}`),
    ].join("\n"),
  );
  const leaks = looks.length >= ENOUGH_LOOKS && memories.some(({ values }) => !isFlat(quarters(values)));
  if (slowest > SHOW_LIMIT_MS || full < windows.length || idle > 0 || leaks) {
    process.exitCode = 1;
  }
}

function memoryText(values: readonly number[]): string {
  const parts = quarters(values);
  return `${isFlat(parts) ? "flat" : "NOT FLAT"}; most in each quarter of the time: ${parts.join(", ")} MiB`;
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const beforeMs = performance.now();
  await work();
  return Math.round(performance.now() - beforeMs);
}

/** What a scan reads of so many actors of one page. */
function* sizesOf(actors: number): Generator<KeyValue, void, undefined> {
  for (let index = 0; index < actors; index += 1) {
    yield* sizeRows(benchId(index), PAGE_BYTES);
  }
}

function run(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  // eslint-disable-next-line n/no-process-env -- children run in the environment this was started in
  return spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "inherit"] });
}

/** Resident memory of a process, from Linux's /proc; 0 where there is none. */
async function rssMiB({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid ?? 0}/status`, "utf8").catch(() => "");
  // Without the pages of the store's file, which are mapped and counted by VmRSS as they are touched.
  return Math.round(Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1] ?? "0") / 1024);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
