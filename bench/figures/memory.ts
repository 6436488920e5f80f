import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { readOutcomes } from "../../src/campaign/ledger/ledger.ts";
import { PAGE_BYTES } from "../../src/formats/sqlite-header.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import { openStore } from "../../src/store/open-store.ts";
import type { Bench } from "../bench.ts";
import { allocatorSettings, heapFlags, workerLimitMib } from "../deployed.ts";
import type { Figure, Result } from "../figure.ts";
import { benchIds, mixedImage, writeActors } from "../fixtures.ts";
import { spreadOf } from "../measure.ts";
import { PROJECT_ROOT } from "../project-root.ts";
import { type BenchTarget, onEachTarget } from "../targets.ts";

const LAUNCHER = fileURLToPath(new URL("bin/ferry.mjs", PROJECT_ROOT));
const MIB = 1024 * 1024;
/** Long enough for a worker's heartbeats and its first garbage collections. */
const IDLE_MS = 3_000;
const SAMPLE_MS = 20;
const DEADLINE_MS = 1_800_000;

/**
 * Peak anonymous memory of a worker process as it is deployed, sampled while it is idle and while it works. Pages of the embedded store's mapped file are
 * not in it: they are the system's cache, and stay resident for as long as nobody needs the room.
 */
export const memory: Figure = {
  name: "memory",
  async run(bench) {
    if (process.platform !== "linux") {
      process.stderr.write("memory: skipped, there is no /proc here\n");
      return [];
    }
    return onEachTarget(bench, async (_, target) => [
      ...(await byConcurrency(bench, target)),
      ...(await bySize(bench, target)),
    ]);
  },
};

async function byConcurrency(bench: Bench, { suffix, settings }: BenchTarget): Promise<Result[]> {
  const mebibytes = bench.full ? 128 : 16;
  const results: Result[] = [];
  for (const concurrency of bench.full ? [1, 8, 32] : [1, 4, 8]) {
    const actors = bench.full ? concurrency : concurrency * 2;
    const { idleMib, peakMib } = await peakOf(bench, { concurrency, actors, mebibytes, settings });
    const perActor = (peakMib - idleMib) / concurrency;
    results.push({
      figure: `peak memory at concurrency ${concurrency} with actors of ${mebibytes} MiB${suffix}`,
      baseline: "an idle worker",
      engine: bench.engine,
      unit: "MiB",
      subject: spreadOf([peakMib]),
      against: spreadOf([idleMib]),
      value: spreadOf([perActor]),
      valueUnit: "MiB more per concurrent actor",
      goal: { atMost: 24 },
      ...(bench.full ? {} : { note: "128 MiB at 1, 8 and 32 with --full" }),
    });
  }
  return results;
}

async function bySize(bench: Bench, { suffix, settings }: BenchTarget): Promise<Result[]> {
  const [large, small] = bench.full ? [1024, 64] : [128, 16];
  const of = async (mebibytes: number): Promise<number> =>
    (await peakOf(bench, { concurrency: 1, actors: 1, mebibytes, settings })).peakMib;
  const smallMib = await of(small);
  const largeMib = await of(large);
  return [
    {
      figure: `peak memory with an actor of ${large} MiB${suffix}`,
      baseline: `with one of ${small} MiB`,
      engine: bench.engine,
      unit: "MiB",
      subject: spreadOf([largeMib]),
      against: spreadOf([smallMib]),
      value: spreadOf([largeMib / smallMib]),
      goal: { atMost: 1.1 },
      ...(bench.full ? {} : { note: "1 GiB against 64 MiB with --full" }),
    },
  ];
}

/** Runs a worker, first with nothing to do and then with so many actors. */
async function peakOf(
  bench: Bench,
  load: { concurrency: number; actors: number; mebibytes: number; settings: BenchTarget["settings"] },
): Promise<{ idleMib: number; peakMib: number }> {
  const url = await bench.newStoreUrl();
  const redisUrl = await bench.redisUrl();
  const redis = new Redis(redisUrl);
  const ids = benchIds(load.actors);
  await fill(url, ids, load.mebibytes);
  const queue = await MigrationQueue.open({ url: redisUrl });
  const flags = heapFlags(workerLimitMib());
  const worker = bench.track(
    spawn(process.execPath, [...flags, LAUNCHER, "worker", "--concurrency", String(load.concurrency)], {
      env: {
        // eslint-disable-next-line n/no-process-env -- the worker runs in the environment this was started in
        ...process.env,
        ...allocatorSettings(),
        ...load.settings,
        FERRY_STORE: url,
        FERRY_REDIS_URL: redisUrl,
        FERRY_METRICS_PORT: "off",
      },
      stdio: ["ignore", "ignore", "pipe"],
    }),
  );
  let said = "";
  worker.stderr?.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-10_000);
  });
  try {
    await until(
      () => Promise.resolve(said.includes("worker.started")),
      worker,
      () => said,
    );
    const idle = samplePeak(worker.pid ?? 0);
    await sleep(IDLE_MS);
    const idleMib = idle();
    const busy = samplePeak(worker.pid ?? 0);
    await queue.enqueue(ids.map((actorId) => ({ actorId, requestedAt: new Date().toISOString() })));
    await until(
      async () => {
        const { waiting, active } = await queue.counts();
        return waiting + active === 0;
      },
      worker,
      () => said,
    );
    const peakMib = busy();
    worker.kill("SIGTERM");
    await once(worker, "exit");
    await assertMigrated(url, ids);
    return { idleMib, peakMib };
  } finally {
    worker.kill("SIGKILL");
    await queue.close();
    await redis.flushall();
    redis.disconnect();
    await bench.removeStore(url);
  }
}

async function fill(url: string, ids: ReturnType<typeof benchIds>, mebibytes: number): Promise<void> {
  const store = await openStore(url);
  try {
    await writeActors(store, ids, mixedImage((mebibytes * MIB) / PAGE_BYTES));
  } finally {
    await store.close();
  }
}

async function assertMigrated(url: string, ids: ReturnType<typeof benchIds>): Promise<void> {
  const store = await openStore(url);
  try {
    const outcomes = await readOutcomes(store, ids);
    const bad = ids.map((id) => outcomes.get(id)).find((outcome) => outcome?.state !== "migrated");
    if (outcomes.size !== ids.length || bad !== undefined) {
      throw new Error(`an actor of the benchmark was not migrated: ${JSON.stringify(bad)}`);
    }
  } finally {
    await store.close();
  }
}

async function until(
  look: () => Promise<boolean>,
  worker: { readonly exitCode: number | null; readonly signalCode: string | null },
  said: () => string,
): Promise<void> {
  for (const endMs = Date.now() + DEADLINE_MS; !(await look());) {
    if (worker.exitCode !== null || worker.signalCode !== null || Date.now() > endMs) {
      throw new Error(`the worker ended, or did not get on:\n${said()}`);
    }
    await sleep(50);
  }
}

/** Begins to look; what it gives ends that, and tells the most seen, in MiB. */
function samplePeak(pid: number): () => number {
  let peakMib = 0;
  const file = `/proc/${pid}/status`;
  const look = (): void => {
    // A process that has ended is reported by whoever waits for its work.
    const status = existsSync(file) ? readFileSync(file, "utf8") : "RssAnon: 0 kB";
    peakMib = Math.max(peakMib, Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
  };
  const sampling = setInterval(look, SAMPLE_MS).unref();
  return () => {
    clearInterval(sampling);
    look();
    return peakMib;
  };
}
