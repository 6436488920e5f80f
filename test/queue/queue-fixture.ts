import { Redis } from "ioredis";

import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import type { JobContext, JobResult } from "../../src/queue/job-runner.ts";
import type { MigrationRequest } from "../../src/queue/migration-request.ts";
import type { WorkerEvent } from "../../src/queue/worker-events.ts";
import { WorkerHost, type WorkerHostOptions } from "../../src/queue/worker-host.ts";
import { TestRedis, type TestRedisOptions } from "../support/redis.ts";

/** A worker under test with what it did. */
export interface TestWorker {
  readonly host: WorkerHost;
  readonly events: WorkerEvent[];
  readonly exhausted: { request: MigrationRequest; error: unknown }[];
}

/** A Redis, a queue on it, a bare client, and workers; `end` leaves nothing behind. */
export class QueueFixture {
  readonly redis: TestRedis;
  readonly queue: MigrationQueue;
  readonly client: Redis;
  readonly #workers: WorkerHost[] = [];

  static async start(options?: TestRedisOptions): Promise<QueueFixture> {
    const redis = await TestRedis.start(options);
    return new QueueFixture(redis, await MigrationQueue.open({ url: redis.url }));
  }

  private constructor(redis: TestRedis, queue: MigrationQueue) {
    this.redis = redis;
    this.queue = queue;
    this.client = new Redis(redis.url);
    this.client.on("error", () => undefined);
  }

  /** Starts a worker with short waits but a long lock, as a busy machine may not run for a second; `process` defaults to one that is done at once. */
  async work(
    process: (request: MigrationRequest, context: JobContext) => Promise<JobResult> = () =>
      Promise.resolve({ kind: "done" }),
    options: Partial<WorkerHostOptions> = {},
  ): Promise<TestWorker> {
    const events: WorkerEvent[] = [];
    const exhausted: { request: MigrationRequest; error: unknown }[] = [];
    const host = await WorkerHost.start({
      redis: { url: this.redis.url },
      process,
      onExhausted: (request, error) => {
        exhausted.push({ request, error });
        return Promise.resolve();
      },
      onEvent: (event) => events.push(event),
      lockDurationMs: 10_000,
      drainDeadlineMs: 5_000,
      retry: { attempts: 3, baseDelayMs: 2, maxDelayMs: 20 },
      ...options,
    });
    this.#workers.push(host);
    return { host, events, exhausted };
  }

  /** Ends all workers and empties Redis, which a failed test may have left interrupted. */
  async reset(): Promise<void> {
    await Promise.all(this.#workers.map((host) => host.stop()));
    this.#workers.length = 0;
    await this.redis.resume();
    await this.client.flushall();
  }

  async end(): Promise<void> {
    await this.reset();
    await this.queue.close();
    this.client.disconnect();
    await this.redis.stop();
  }
}

/** The events of one type. */
export function eventsOf<T extends WorkerEvent["type"]>(
  worker: TestWorker,
  type: T,
): Extract<WorkerEvent, { type: T }>[] {
  return worker.events.filter((event): event is Extract<WorkerEvent, { type: T }> => event.type === type);
}
