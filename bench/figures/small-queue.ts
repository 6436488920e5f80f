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
import { LoadGovernor } from "../../src/campaign/fleet/load-governor.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import type { MigrationRequest } from "../../src/queue/migration-request.ts";
import { DEFAULT_PREFIX, QUEUE_NAME } from "../../src/queue/redis-options.ts";
import { WorkerHost } from "../../src/queue/worker-host.ts";
import type { Store } from "../../src/store/store.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import type { Figure, Result } from "../figure.ts";
import { benchIds, mixedImage, writeActors } from "../fixtures.ts";
import { alternate } from "../measure.ts";
import { bareTransactions } from "./small-direct.ts";

const CONCURRENCY = 32;
const PAGES = 3;

/**
 * Small actors through queue and worker, with its metrics and log lines, against BullMQ's own worker with nothing to do; and that worker
 * with a bare transaction per actor, which is as near as anything can come on this store.
 */
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
        const empty = measured((at, count) => bareWorker(at, count, () => Promise.resolve()));
        const bare = await bareTransactions(store, groups.flat());
        const least = await alternate(
          { subject: measured((at, count) => bareWorker(at, count, bare)), baseline: empty },
          bench.rounds,
        );
        const ferry = await alternate(
          { subject: measured((at, count) => ferryWorker(store, at, count)), baseline: empty },
          bench.rounds,
        );
        const common = {
          baseline: "the same queue with an empty processor, same concurrency",
          engine: store.engine,
          unit: "actors/s",
        };
        return [
          {
            ...common,
            figure: `small actors (${PAGES} pages) through queue and worker`,
            subject: ferry.subject,
            against: ferry.baseline,
            value: ferry.ratio,
            goal: { atLeast: 0.6 },
            note: `concurrency ${CONCURRENCY}`,
          },
          {
            ...common,
            figure: "for comparison: a bare transaction per actor as the processor",
            subject: least.subject,
            against: least.baseline,
            value: least.ratio,
          },
        ] satisfies Result[];
      } finally {
        await queue.close();
      }
    }),
};

async function enqueue(queue: MigrationQueue, ids: readonly ActorId[]): Promise<void> {
  const requestedAt = new Date().toISOString();
  await queue.enqueue(ids.map((actorId) => ({ actorId, requestedAt })));
}

/** Seconds until so many jobs are done by BullMQ's own worker. */
async function bareWorker(url: string, count: number, work: (id: ActorId) => Promise<void>): Promise<number> {
  let done = 0;
  const { hostname: host, port } = new URL(url);
  const worker = new Worker<MigrationRequest>(QUEUE_NAME, ({ data }) => work(data.actorId), {
    connection: { host, port: Number(port), maxRetriesPerRequest: null },
    prefix: DEFAULT_PREFIX,
    autorun: false,
    concurrency: CONCURRENCY,
  });
  worker.on("error", () => undefined);
  await worker.waitUntilReady();
  const startedAtMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    worker.on("failed", (_job, error) => {
      reject(error);
    });
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
