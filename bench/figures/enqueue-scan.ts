import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { enqueueActors, type JobSink } from "../../src/campaign/enqueue/enqueue.ts";
import { scanActors } from "../../src/campaign/actors/scan.ts";
import { splitActorSpace } from "../../src/campaign/actors/v1-actors.ts";
import { queueSink } from "../../src/cli/produce/queue-sink.ts";
import type { ActorId } from "../../src/formats/actor-id.ts";
import { keyAfter } from "../../src/formats/bytes.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import { DEFAULT_PREFIX, QUEUE_NAME } from "../../src/queue/redis-options.ts";
import type { KeyRange, Store } from "../../src/store/store.ts";
import type { Figure, Result } from "../figure.ts";
import { benchIds, mixedImage, writeActors } from "../fixtures.ts";
import { alternate, eachOf, secondsOf } from "../measure.ts";

const PAGES = 3;
/** Ranges, all read at once, as the scan has it. */
const RANGES = 64;
const ROWS_PER_TRANSACTION = 1_000;
const JOBS_TOGETHER = 250;
const BATCHES_AT_ONCE = 2;
const NEVER = new AbortController().signal;

/** Finding and enqueuing every actor, against reading every key of the same rows; the finding alone as well, and BullMQ's part. */
export const enqueueScan: Figure = {
  name: "enqueue",
  run: (bench) =>
    bench.withStore(async (store) => {
      const count = bench.full ? 20_000 : 3_000;
      const ids = benchIds(count);
      await writeActors(store, ids, mixedImage(PAGES));
      const url = await bench.redisUrl();
      const queue = await MigrationQueue.open({ url });
      const redis = new Redis(url);
      const nowhere: JobSink = {
        add: (ids) => Promise.resolve({ enqueued: ids.length, alreadyQueued: 0, queuedAfterActive: 0 }),
        waitForRoom: () => Promise.resolve(Number.MAX_SAFE_INTEGER),
      };
      const enqueued = async (sink: JobSink): Promise<number> => {
        await redis.flushall();
        const seconds = await secondsOf(async () => {
          const options = { store, sink, force: false, signal: NEVER };
          const counts = await enqueueActors(scanActors(store, NEVER), options);
          if (counts.enqueued !== count) {
            throw new Error(`the scan enqueued ${counts.enqueued} of ${count} actors`);
          }
        });
        return count / seconds;
      };
      const jobs = new Queue(QUEUE_NAME, { connection: redis, prefix: DEFAULT_PREFIX });
      const addAll = async (): Promise<number> => {
        await redis.flushall();
        const seconds = await secondsOf(() => addJobs(jobs, ids));
        const waiting = await jobs.count();
        if (waiting !== count) {
          throw new Error(`BullMQ has ${waiting} of ${count} jobs`);
        }
        return count / seconds;
      };
      const bare = async (): Promise<number> => count / (await secondsOf(() => scanKeys(store)));
      try {
        const whole = await alternate(
          { subject: () => enqueued(queueSink(queue, { options: {}, window: count * 2 })), baseline: bare },
          bench.rounds,
        );
        const finding = await alternate({ subject: () => enqueued(nowhere), baseline: bare }, bench.rounds);
        const adding = await alternate({ subject: addAll, baseline: bare }, bench.rounds);
        const common = { engine: store.engine, unit: "actors/s", baseline: "bare key scan of the same rows" };
        return [
          {
            ...common,
            figure: "enqueue by scan",
            subject: whole.subject,
            against: whole.baseline,
            value: whole.ratio,
            goal: { atLeast: 0.5 },
          },
          {
            ...common,
            figure: "of which: scan and ledger, with no queue behind",
            subject: finding.subject,
            against: finding.baseline,
            value: finding.ratio,
          },
          {
            ...common,
            figure: "for comparison: BullMQ's addBulk of the same jobs, with no scan before",
            subject: adding.subject,
            against: adding.baseline,
            value: adding.ratio,
          },
        ] satisfies Result[];
      } finally {
        await redis.flushall();
        await jobs.close();
        redis.disconnect();
        await queue.close();
      }
    }),
};

/** As many to a batch, and batches at once, as Ferry's queue has. */
async function addJobs(queue: Queue, ids: readonly ActorId[]): Promise<void> {
  const batches = Array.from({ length: Math.ceil(ids.length / JOBS_TOGETHER) }, (_, index) =>
    ids.slice(index * JOBS_TOGETHER, (index + 1) * JOBS_TOGETHER),
  );
  const requestedAt = new Date().toISOString();
  await eachOf(batches, BATCHES_AT_ONCE, (batch) =>
    queue.addBulk(
      batch.map((actorId) => ({
        name: "migrate",
        data: { actorId, requestedAt },
        opts: { jobId: `${actorId}-0`, deduplication: { id: actorId, keepLastIfActive: true } },
      })),
    ),
  );
}

/** Every row of every actor, in as many parallel ranges. */
async function scanKeys(store: Store): Promise<void> {
  await eachOf(splitActorSpace(RANGES), RANGES, (range) => scanRange(store, range));
}

async function scanRange(store: Store, range: KeyRange): Promise<void> {
  let begin: Uint8Array | undefined = range.begin;
  while (begin !== undefined) {
    const from: Uint8Array = begin;
    begin = await store.transact(async (tx) => {
      let last: Uint8Array | undefined;
      let rows = 0;
      const limits = { snapshot: true, limit: ROWS_PER_TRANSACTION };
      for await (const batch of tx.getRange({ begin: from, end: range.end }, limits)) {
        rows += batch.length;
        last = batch.at(-1)?.key ?? last;
      }
      return rows < ROWS_PER_TRANSACTION || last === undefined ? undefined : keyAfter(last);
    });
  }
}
