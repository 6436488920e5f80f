import { Queue } from "bullmq";
import { expect } from "chai";

import { UnavailableError } from "../../src/errors.ts";
import type { ActorId } from "../../src/formats/actor-id.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import type { MigrationRequest } from "../../src/queue/migration-request.ts";
import { QueueScripts, type DuplicateState, type MetAdd } from "../../src/queue/queue-scripts.ts";
import { DEFAULT_PREFIX, QUEUE_NAME, queueKeyPrefix } from "../../src/queue/redis-options.ts";
import { eventually, gate } from "./eventually.ts";
import { eventsOf, QueueFixture, type TestWorker } from "./queue-fixture.ts";
import { newActor, newRequest } from "./requests.ts";

describe("queue/migration queue", () => {
  let fixture: QueueFixture;
  before(async () => {
    fixture = await QueueFixture.start();
  });
  afterEach(() => fixture.reset());
  after(() => fixture.end());

  /** A worker whose jobs wait at a gate; `seen` are the requests as they start. */
  async function workBehindGate(): Promise<{ host: TestWorker["host"]; seen: MigrationRequest[]; open: () => void }> {
    const finish = gate();
    const seen: MigrationRequest[] = [];
    const { host } = await fixture.work(async (request) => {
      seen.push(request);
      await finish.opened;
      return { kind: "done" };
    });
    return { host, seen, open: finish.open };
  }

  /** A worker that runs its job until it is stopped, and hands it back then. */
  async function workUntilStopped(): Promise<TestWorker> {
    const worker = await fixture.work(
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reject(signal.reason as Error);
          });
        }),
      { drainDeadlineMs: 1 },
    );
    await eventually("it runs", () => worker.host.inFlight === 1);
    return worker;
  }

  const scriptsHere = (): QueueScripts => new QueueScripts(fixture.client, queueKeyPrefix({ url: fixture.redis.url }));

  /** Three requests for one actor, each later than the one before. */
  function threeRequests(): readonly [MigrationRequest, MigrationRequest, MigrationRequest] {
    const actorId = newActor();
    const next = (number: number): MigrationRequest => newRequest(actorId, { number });
    return [next(1), next(2), next(3)];
  }

  /** Adds a request as another producer whose command comes to Redis late, and who is late to settle it too. @returns what settles it. */
  async function addLate(request: MigrationRequest): Promise<() => Promise<MetAdd & { state: DuplicateState }>> {
    const bare = new Queue(QUEUE_NAME, { connection: fixture.client, prefix: DEFAULT_PREFIX });
    const deduplication = { id: request.actorId, keepLastIfActive: true };
    const met = await bare.add("migrate", request, { jobId: "late", deduplication });
    await bare.close();
    return async () => {
      const [settled] = await scriptsHere().settleDuplicates([{ jobId: "late", request, metId: met.id ?? "" }]);
      if (settled === undefined) {
        throw new Error("nothing was settled");
      }
      return settled;
    };
  }

  it("answers each request in order, over several batches", async () => {
    const first = Array.from({ length: 700 }, () => newRequest(newActor()));
    expect(await fixture.queue.enqueue(first)).to.include({ enqueued: 700, alreadyQueued: 0, queuedAfterActive: 0 });
    const again = [...first.slice(0, 650), newRequest(newActor())];
    const report = await fixture.queue.enqueue(again);
    expect(report).to.include({ enqueued: 1, alreadyQueued: 650, queuedAfterActive: 0 });
    expect(report.results.map(({ actorId }) => actorId)).to.deep.equal(again.map(({ actorId }) => actorId));
    expect(report.results.at(-1)?.answer).to.equal("enqueued");
    expect((await fixture.queue.counts()).waiting).to.equal(701);
  });

  it("reads the list of what waits once for many requests that are repeated, and still finds a job in no list", async () => {
    const requests = Array.from({ length: 250 }, () => newRequest(newActor()));
    await fixture.queue.enqueue(requests);
    const [, lost = ""] = await fixture.client.lrange("ferry:actor-migration:wait", 0, 1);
    await fixture.client.lrem("ferry:actor-migration:wait", 1, lost);
    await fixture.client.config("RESETSTAT");
    expect(await fixture.queue.enqueue(requests)).to.include({ enqueued: 1, alreadyQueued: 249 });
    const calls = /cmdstat_lpos:calls=(\d+)/.exec(await fixture.client.info("commandstats"))?.[1];
    // For each, BullMQ and Ferry look among the jobs that run; these are few.
    expect(Number(calls)).to.be.within(500, 540);
  });

  // As where Redis fills up in the middle of a call. Node ends a process for a rejection that nobody handles.
  it("fails as one call where a batch fails before the one ahead of it has ended", async () => {
    const requests = Array.from({ length: 500 }, () => newRequest(newActor()));
    const failure = new UnavailableError("redis_full", "no room for the second batch");
    const turnOf = (index: number): number => {
      if (index >= 250) {
        throw failure;
      }
      return 1;
    };
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    const error: unknown = await fixture.queue.enqueue(requests, { turnOf }).catch((thrown: unknown) => thrown);
    process.off("unhandledRejection", note);
    expect(error).to.equal(failure);
    expect(unhandled).to.deep.equal([]);
    expect((await fixture.queue.counts()).waiting).to.equal(250);
  });

  it("answers twice for an actor named twice in one call", async () => {
    const actorId = newActor();
    const report = await fixture.queue.enqueue([newRequest(actorId), newRequest(actorId)]);
    expect(report.results.map(({ answer }) => answer)).to.deep.equal(["enqueued", "already_queued"]);
    expect((await fixture.queue.counts()).waiting).to.equal(1);
  });

  it("serves the latest request of those made while the actor waits", async () => {
    const [early, late, latest] = threeRequests();
    await fixture.queue.enqueue([early]);
    await fixture.queue.enqueue([latest]);
    expect((await fixture.queue.enqueue([late])).alreadyQueued).to.equal(1);
    const { seen, open } = await workBehindGate();
    open();
    await fixture.queue.drained();
    expect(seen).to.deep.equal([latest]);
  });

  it("runs a request made while the actor is active afterwards, with the latest options", async () => {
    const actorId = newActor();
    const first = newRequest(actorId, { number: 1 });
    await fixture.queue.enqueue([first]);
    const { seen, open } = await workBehindGate();
    await eventually("the first runs", () => seen.length === 1);
    const second = newRequest(actorId, { number: 2 });
    const third = newRequest(actorId, { number: 3 });
    expect((await fixture.queue.enqueue([third])).queuedAfterActive).to.equal(1);
    expect((await fixture.queue.enqueue([second])).queuedAfterActive).to.equal(1);
    open();
    await fixture.queue.drained();
    expect(seen).to.deep.equal([first, third]);
  });

  it("serves the latest request also when the active job comes back to wait with one kept behind it", async () => {
    const actorId = newActor();
    await fixture.queue.enqueue([newRequest(actorId, { number: 1 })]);
    const stopped = await workUntilStopped();
    await fixture.queue.enqueue([newRequest(actorId, { number: 2 })]);
    await stopped.host.stop();
    const latest = newRequest(actorId, { number: 3 });
    expect((await fixture.queue.enqueue([latest])).alreadyQueued).to.equal(1);
    const { seen, open } = await workBehindGate();
    open();
    await fixture.queue.drained();
    expect(seen).to.deep.equal([latest]);
  });

  it("serves the latest request also when an older one, kept in its place, runs before that is settled", async () => {
    const [first, older, latest] = threeRequests();
    const [firstEnds, olderEnds] = [gate(), gate()];
    const seen: MigrationRequest[] = [];
    await fixture.work(async (request) => {
      seen.push(request);
      await (seen.length === 1 ? firstEnds : olderEnds).opened;
      return { kind: "done" };
    });
    await fixture.queue.enqueue([first]);
    await eventually("the first runs", () => seen.length === 1);
    expect((await fixture.queue.enqueue([latest])).queuedAfterActive).to.equal(1);
    const settle = await addLate(older);
    firstEnds.open();
    await eventually("the older one runs", () => seen.length === 2);
    const settled = await settle();
    expect(settled).to.deep.include({ state: "again", request: latest });
    await fixture.queue.enqueue([settled.request]);
    olderEnds.open();
    await eventually("the latest runs", () => seen.length === 3);
    expect(seen).to.deep.equal([first, older, latest]);
  });

  it("serves the latest request also when it is merged into an older one that is settled only then", async () => {
    const [first, older, latest] = threeRequests();
    const { host, seen, open } = await workBehindGate();
    await fixture.queue.enqueue([first]);
    await eventually("the first runs", () => seen.length === 1);
    const settle = await addLate(older);
    await host.pause();
    open();
    await eventually("the older one waits", async () => (await fixture.queue.counts()).waiting === 1);
    expect((await fixture.queue.enqueue([latest])).alreadyQueued).to.equal(1);
    expect((await settle()).state).to.equal("kept");
    await host.resume();
    await fixture.queue.drained();
    expect(seen).to.deep.equal([first, latest]);
  });

  it("serves the latest request also when an older one takes its place behind a job that goes back to wait", async () => {
    const [first, older, latest] = threeRequests();
    await fixture.queue.enqueue([first]);
    const stopped = await workUntilStopped();
    expect((await fixture.queue.enqueue([latest])).queuedAfterActive).to.equal(1);
    const settle = await addLate(older);
    await stopped.host.stop();
    expect((await settle()).state).to.equal("merged");
    const { seen, open } = await workBehindGate();
    open();
    await fixture.queue.drained();
    expect(seen).to.deep.equal([latest]);
  });

  it("counts jobs by state and knows the age of the oldest", async () => {
    await fixture.queue.enqueue([newRequest(newActor()), newRequest(newActor())]);
    const base = queueKeyPrefix({ url: fixture.redis.url });
    const oldest = await fixture.client.lindex(`${base}wait`, -1);
    await fixture.client.hset(`${base}${oldest ?? ""}`, "timestamp", Date.now() - 3_600_000);
    expect((await fixture.queue.counts()).oldestWaitingMs).to.be.at.least(3_600_000);
    const { seen, open } = await workBehindGate();
    await eventually("one runs", () => seen.length === 1);
    expect(await fixture.queue.counts()).to.include({ waiting: 1, active: 1, delayed: 0, failed: 0, isPaused: false });
    open();
    await fixture.queue.drained();
    expect(await fixture.queue.counts()).to.include({ waiting: 0, active: 0, oldestWaitingMs: 0 });
  });

  it("lets a producer in when there is room, and stops waiting when told", async () => {
    await fixture.queue.enqueue(Array.from({ length: 10 }, () => newRequest(newActor())));
    expect(await fixture.queue.waitForRoom({ window: 12 })).to.equal(2);
    const stop = new AbortController();
    const full = fixture.queue.waitForRoom({
      ...{ window: 10, signal: stop.signal },
      onFull: (of) => {
        stop.abort(new Error(`too many ${of}`));
      },
    });
    expect(((await full.catch((error: unknown) => error)) as Error).message).to.equal("too many waiting");
    const room = fixture.queue.waitForRoom({ window: 10, pollMs: 5 });
    await fixture.work();
    expect(await room).to.be.within(1, 10);
  });

  it("keeps deferred actors from filling Redis", async () => {
    await fixture.queue.enqueue(Array.from({ length: 3 }, () => newRequest(newActor())));
    await fixture.work(() => Promise.resolve({ kind: "defer", delayMs: 60_000 }));
    await fixture.queue.drained();
    expect(await fixture.queue.waitForRoom({ window: 10, mostPutOff: 5 })).to.equal(2);
    const stop = new AbortController();
    const tooMany: string[] = [];
    const full = fixture.queue.waitForRoom({
      ...{ window: 10, mostPutOff: 3, pollMs: 5, signal: stop.signal },
      onFull: (of) => {
        tooMany.push(of);
        stop.abort(new Error("enough"));
      },
    });
    expect(((await full.catch((error: unknown) => error)) as Error).message).to.equal("enough");
    expect(tooMany).to.deep.equal(["put_off"]);
  });

  it("leaves nothing in Redis for long that it wrote to see whether it may", async () => {
    await fixture.queue.probeWrite();
    const keys = await fixture.client.keys("ferry:actor-migration:*probe*");
    expect(keys).to.have.length(1);
    expect(await fixture.client.ttl(keys[0] ?? "")).to.be.within(1, 60);
  });

  it("sees the workers of its own prefix only", async () => {
    const options = { url: fixture.redis.url, prefix: "other" };
    await fixture.work();
    await fixture.work(undefined, { redis: options });
    await fixture.work(undefined, { redis: options });
    const other = await MigrationQueue.open(options);
    expect(await other.connectedWorkers()).to.equal(2);
    expect(await fixture.queue.connectedWorkers()).to.equal(1);
    await other.enqueue([newRequest(newActor())]);
    await other.drained();
    await other.close();
    expect(
      (await fixture.client.keys("*")).filter((key) => !/^(other|ferry):actor-migration:/.test(key)),
    ).to.deep.equal([]);
  });

  it("ends a job that holds no request, without running it", async () => {
    const bare = new Queue(QUEUE_NAME, { connection: { url: fixture.redis.url }, prefix: "ferry" });
    await bare.add("migrate", { actorId: "not an id" });
    await bare.close();
    const worker = await fixture.work();
    await worker.host.drained();
    expect(eventsOf(worker, "job_malformed")).to.have.length(1);
    expect(eventsOf(worker, "job_started")).to.deep.equal([]);
  });

  describe("an actor is never locked out", () => {
    for (const [what, leftover] of Object.entries({
      "a key that names a job that is gone": async (base: string, actorId: string) => {
        await fixture.client.set(`${base}de:${actorId}`, "gone");
      },
      "a key that names a job in no list": async (base: string, actorId: string) => {
        await fixture.client.set(`${base}de:${actorId}`, "orphan");
        await fixture.client.hset(`${base}orphan`, "data", "{}");
      },
      "a request kept for a job that is gone": async (base: string, actorId: string) => {
        await fixture.client.set(`${base}de:${actorId}`, "gone");
        await fixture.client.hset(`${base}dn:${actorId}`, "data", "{}", "jid", "kept");
      },
    })) {
      it(`by ${what}`, async () => {
        const actorId = newActor();
        await leftover("ferry:actor-migration:", actorId);
        expect((await fixture.queue.enqueue([newRequest(actorId)])).enqueued).to.equal(1);
        const worker = await fixture.work();
        await worker.host.drained();
        await eventually("it has run", () => eventsOf(worker, "job_done").length === 1);
        expect(await fixture.client.exists(`ferry:actor-migration:de:${actorId}`)).to.equal(0);
      });
    }
  });

  it("lets a job that starts once more have its actor, unless another waits, is put off or runs for it", async () => {
    const scripts = scriptsHere();
    const base = queueKeyPrefix({ url: fixture.redis.url });
    const holders: Record<string, (actorId: ActorId) => Promise<unknown>> = {
      waits: (actorId) => fixture.queue.enqueue([newRequest(actorId)]),
      "waits its turn": (actorId) => fixture.queue.enqueue([newRequest(actorId)], { turnOf: () => 1 }),
      "is put off": async (actorId) => {
        await fixture.queue.enqueue([newRequest(actorId)], { turnOf: () => 2 });
        const id = (await fixture.client.get(`${base}de:${actorId}`)) ?? "";
        await fixture.client.zrem(`${base}prioritized`, id);
        await fixture.client.zadd(`${base}delayed`, 1, id);
      },
    };
    for (const [what, hold] of Object.entries(holders)) {
      const actorId = newActor();
      await hold(actorId);
      await fixture.client.hset(`${base}again`, "deid", actorId);
      expect(await scripts.claim(actorId, "again"), what).to.equal(false);
      // Else its end would take the other's key along.
      expect(await fixture.client.hget(`${base}again`, "deid"), what).to.equal(null);
      expect(await fixture.client.get(`${base}de:${actorId}`), what).to.not.equal("again");
    }
    const [free, orphaned] = [newActor(), newActor()];
    await fixture.client.set(`${base}de:${orphaned}`, "orphan");
    await fixture.client.hset(`${base}orphan`, "data", "{}");
    for (const actorId of [free, orphaned]) {
      expect(await scripts.claim(actorId, "again")).to.equal(true);
      expect(await fixture.client.get(`${base}de:${actorId}`)).to.equal("again");
    }
  });

  it("is not drained while a job waits its turn", async () => {
    expect(await scriptsHere().isDrained()).to.equal(true);
    await fixture.queue.enqueue([newRequest(newActor())], { turnOf: () => 1 });
    expect(await scriptsHere().isDrained()).to.equal(false);
  });

  it("serves of two requests of one moment the one that came last", async () => {
    const [first] = threeRequests();
    const last = { ...first, options: { number: 9 } };
    await fixture.queue.enqueue([first]);
    await fixture.queue.enqueue([last]);
    const { seen, open } = await workBehindGate();
    open();
    await fixture.queue.drained();
    expect(seen).to.deep.equal([last]);
  });

  it("serves the latest request also when an older one, kept in its place, waits when that is settled", async () => {
    const [first, older, latest] = threeRequests();
    const { host, seen, open } = await workBehindGate();
    await fixture.queue.enqueue([first]);
    await eventually("the first runs", () => seen.length === 1);
    expect((await fixture.queue.enqueue([latest])).queuedAfterActive).to.equal(1);
    const settle = await addLate(older);
    await host.pause();
    open();
    await eventually("the older one waits", async () => (await fixture.queue.counts()).waiting === 1);
    expect((await settle()).state).to.equal("kept");
    await host.resume();
    await fixture.queue.drained();
    expect(seen).to.deep.equal([first, latest]);
  });

  it("has a request added again that met a job which has ended, or an active one without being kept behind it", async () => {
    const [first, second] = threeRequests();
    const gone = { jobId: "late", request: second, metId: "gone" };
    expect(await scriptsHere().settleDuplicates([gone])).to.deep.equal([{ ...gone, state: "again" }]);
    await fixture.queue.enqueue([first]);
    const { seen, open } = await workBehindGate();
    await eventually("it runs", () => seen.length === 1);
    const base = queueKeyPrefix({ url: fixture.redis.url });
    const metId = (await fixture.client.get(`${base}de:${first.actorId}`)) ?? "";
    const [settled] = await scriptsHere().settleDuplicates([{ jobId: "late", request: second, metId }]);
    expect(settled).to.deep.include({ state: "again", request: second });
    expect(await fixture.client.exists(`${base}dn:${first.actorId}`)).to.equal(0);
    open();
  });

  it("lets a failed job that someone retries by hand make way for the actor's other job", async () => {
    const actorId = newActor();
    await fixture.queue.enqueue([newRequest(actorId)]);
    const failing = await fixture.work(() => Promise.reject(new Error("no")));
    await failing.host.drained();
    await eventually("it has failed", async () => (await fixture.queue.counts()).failed === 1);
    await failing.host.stop();

    const bare = new Queue(QUEUE_NAME, { connection: { url: fixture.redis.url }, prefix: "ferry" });
    const finish = gate();
    let most = 0;
    let now = 0;
    const worker = await fixture.work(
      async () => {
        most = Math.max(most, (now += 1));
        await finish.opened;
        now -= 1;
        return { kind: "done" };
      },
      { concurrency: 2 },
    );
    await fixture.queue.enqueue([newRequest(actorId)]);
    await eventually("the new job runs", () => now === 1);
    const [failed] = await bare.getFailed();
    await failed?.retry();
    await bare.close();
    await eventually("the old one made way", () => eventsOf(worker, "job_superseded").length === 1);
    finish.open();
    await worker.host.drained();
    expect(most).to.equal(1);
    expect(eventsOf(worker, "job_started"), "the old one never ran").to.have.length(1);
    expect((await fixture.queue.enqueue([newRequest(actorId)])).enqueued).to.equal(1);
  });
});
