import { setTimeout as sleep } from "node:timers/promises";

import { Redis } from "ioredis";

import { WorkerHost } from "../../../src/queue/worker-host.ts";

/*
 * A worker process of the exclusivity test. Arguments: Redis URL. Books in Redis, outside the queue's keys, who is active for an actor
 * and which request was served; ends at SIGTERM.
 */
const url = process.argv[2] ?? "";
const books = new Redis(url);
const host = await WorkerHost.start({
  redis: { url },
  concurrency: 4,
  lockDurationMs: 5_000,
  onExhausted: () => Promise.reject(new Error("no job of this test fails")),
  process: async ({ actorId, requestedAt, options }) => {
    if ((await books.incr(`test:running:${actorId}`)) > 1) {
      await books.rpush("test:violations", actorId);
    }
    await sleep(Number(options?.["holdMs"]));
    await books.rpush(`test:served:${actorId}`, requestedAt);
    await books.decr(`test:running:${actorId}`);
    return { kind: "done" };
  },
});
process.once("SIGTERM", () => {
  void host.stop().then(() => {
    books.disconnect();
  });
});
process.stdout.write("ready\n");
