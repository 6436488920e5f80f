import { Worker } from "bullmq";
import { Writable } from "node:stream";
import { CampaignGate } from "../../src/campaign/campaign-gate.ts";
import { FleetMember } from "../../src/cli/worker/fleet-member.ts";
import { makeJobHandlers } from "../../src/cli/worker/job-handlers.ts";
import type { ActorId } from "../../src/formats/actor-id.ts";
import { inlineCodec } from "../../src/migration/codec/inline-codec.ts";
import { DEFAULT_MIGRATION_OPTIONS } from "../../src/migration/context.ts";
import { IntegrityChecker } from "../../src/migration/integrity/integrity-checker.ts";
import { storageTarget } from "../../src/migration/targets/storage/storage-target.ts";
import { LoadGovernor } from "../../src/queue/load-governor.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import { QUEUE_NAME } from "../../src/queue/redis-options.ts";
import { WorkerHost } from "../../src/queue/worker-host.ts";
import type { Store } from "../../src/store/store.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import type { Figure } from "../figure.ts";
import { benchIds, mixedImage, writeActors } from "../fixtures.ts";
import { alternate } from "../measure.ts";

const CONCURRENCY = 32;
const PAGES = 3;

/** Small actors through queue and worker, with its metrics and log lines, against BullMQ's own worker with nothing to do. */
export const smallQueue: Figure = {
  name: "small-queue",
  run: (bench) =>
    bench.withStore(async (store) => {
      const perRound = bench.full ? 4_000 : 1_000;
      const url = await bench.redisUrl();
      const queue = await MigrationQueue.open({ url });
      const groups = Array.from({ length: bench.rounds.rounds + bench.rounds.warmups }, (_, round) =>
        benchIds(perRound, round),
      );
      try {
        await writeActors(store, groups.flat(), mixedImage(PAGES));
        const measured =
          (work: (url: string, count: number) => Promise<number>) =>
          async (round: number): Promise<number> => {
            await enqueue(queue, groups[round] ?? []);
            return perRound / (await work(url, perRound));
          };
        const { subject, baseline, ratio } = await alternate(
          { subject: measured((at, count) => ferryWorker(store, at, count)), baseline: measured(emptyWorker) },
          bench.rounds,
        );
        return [
          {
            figure: "small actors (3 pages) through queue and worker",
            baseline: "the same queue with an empty processor, same concurrency",
            engine: store.engine,
            unit: "actors/s",
            subject,
            against: baseline,
            value: ratio,
            goal: { atLeast: 0.6 },
            note: `concurrency ${CONCURRENCY}`,
          },
        ];
      } finally {
        await queue.close();
      }
    }),
};

async function enqueue(queue: MigrationQueue, ids: readonly ActorId[]): Promise<void> {
  const requestedAt = new Date().toISOString();
  await queue.enqueue(ids.map((actorId) => ({ actorId, requestedAt })));
}

/** Seconds until so many jobs are done. */
async function emptyWorker(url: string, count: number): Promise<number> {
  let done = 0;
  const { hostname: host, port } = new URL(url);
  const worker = new Worker(QUEUE_NAME, () => Promise.resolve(), {
    connection: { host, port: Number(port), maxRetriesPerRequest: null },
    prefix: "ferry",
    autorun: false,
    concurrency: CONCURRENCY,
  });
  worker.on("error", () => undefined);
  await worker.waitUntilReady();
  const startedAtMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    worker.on("completed", () => {
      done += 1;
      if (done === count) {
        resolve();
      }
    });
    worker.run().catch(reject);
  });
  const seconds = (performance.now() - startedAtMs) / 1000;
  await worker.close();
  return seconds;
}

/** The same with what `ferry worker` runs. */
async function ferryWorker(store: Store, url: string, count: number): Promise<number> {
  const metrics = createMetrics({ version: "bench" });
  const log = createLogger({
    stream: new Writable({
      write: (_chunk, _encoding, done) => {
        done();
      },
    }),
  });
  const member = new FleetMember({
    store,
    metrics,
    log,
    governor: new LoadGovernor(CONCURRENCY),
    concurrency: CONCURRENCY,
    identity: { workerId: "bench", host: "bench", pid: process.pid, version: "bench" },
  });
  const integrity = new IntegrityChecker();
  let done = 0;
  let migrated = 0;
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const handlers = makeJobHandlers({
    store,
    targetOf: () => Promise.resolve(storageTarget),
    optionsOf: () => DEFAULT_MIGRATION_OPTIONS,
    metrics,
    log,
    member,
    integrity,
    codec: inlineCodec,
    gate: new CampaignGate(store, Date.now),
    onOutcome: (outcome) => {
      migrated += outcome.state === "migrated" ? 1 : 0;
    },
  });
  const startedAtMs = performance.now();
  const host = await WorkerHost.start({
    ...handlers,
    redis: { url },
    concurrency: CONCURRENCY,
    onEvent: (event) => {
      done += event.type === "job_done" ? 1 : 0;
      if (done === count) {
        end();
      }
    },
  });
  member.start(host);
  await ended;
  const seconds = (performance.now() - startedAtMs) / 1000;
  await host.stop();
  await member.stop();
  await integrity.close();
  await log.close();
  if (migrated !== count) {
    throw new Error(`${migrated} of ${count} actors were migrated`);
  }
  return seconds;
}
