import { Redis } from "ioredis";

import { parseActorId } from "../../../src/formats/actor-id.ts";
import { MigrationQueue } from "../../../src/queue/migration-queue.ts";

/*
 * A producer process of the exclusivity test. Arguments: Redis URL, number of requests, actor ids separated by commas. Time stamps come
 * from a counter in Redis, so that "the last request" means the same to all producers. Prints its counts as JSON.
 */
const [, , url = "", count = "0", ids = ""] = process.argv;
const actors = ids.split(",").map(parseActorId);
const books = new Redis(url);
const queue = await MigrationQueue.open({ url });
const totals = { enqueued: 0, alreadyQueued: 0, queuedAfterActive: 0 };
for (let sent = 0; sent < Number(count);) {
  const size = Math.min(1 + Math.floor(Math.random() * 8), Number(count) - sent);
  const requests = await Promise.all(
    Array.from({ length: size }, async () => {
      const actorId = actors[Math.floor(Math.random() * actors.length)];
      if (actorId === undefined) {
        throw new Error("no actors");
      }
      const requestedAt = new Date(1_700_000_000_000 + (await books.incr("test:clock"))).toISOString();
      await books.rpush(`test:asked:${actorId}`, requestedAt);
      return { actorId, requestedAt, options: { holdMs: Math.floor(Math.random() * 12) } };
    }),
  );
  const report = await queue.enqueue(requests);
  totals.enqueued += report.enqueued;
  totals.alreadyQueued += report.alreadyQueued;
  totals.queuedAfterActive += report.queuedAfterActive;
  sent += size;
}
await queue.close();
books.disconnect();
process.stdout.write(`${JSON.stringify(totals)}\n`);
