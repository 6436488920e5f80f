import { expect } from "chai";

import type { FerryError } from "../../src/errors.ts";
import type { WorkerHostOptions } from "../../src/queue/worker-host.ts";
import { StoreError } from "../../src/store/errors.ts";
import { eventually, gate } from "./eventually.ts";
import { eventsOf, QueueFixture } from "./queue-fixture.ts";
import { newActor, newRequest } from "./requests.ts";

/** A job that runs until it is aborted, and is done the next time. `reasons`: what it was aborted for. */
function abortedOnce(reasons: string[]): WorkerHostOptions["process"] {
  return (_request, { signal }) =>
    new Promise((resolve, reject) => {
      if (reasons.length > 0) {
        resolve({ kind: "done" });
      }
      signal.addEventListener("abort", () => {
        reasons.push((signal.reason as FerryError).code);
        reject(signal.reason as Error);
      });
    });
}

describe("queue/resilience", () => {
  let fixture: QueueFixture;
  before(async () => {
    fixture = await QueueFixture.start({ append: true });
  });
  afterEach(() => fixture.reset());
  after(() => fixture.end());

  it("goes on after FLUSHALL: the running job is aborted, later requests are served", async () => {
    const reasons: string[] = [];
    const worker = await fixture.work(abortedOnce(reasons), { lockDurationMs: 1_500 });
    const actorId = newActor();
    await fixture.queue.enqueue([newRequest(actorId)]);
    await eventually("the job runs", () => worker.host.inFlight === 1);
    await fixture.client.flushall();
    await eventually("it is aborted", () => reasons.length === 1);
    expect(reasons).to.deep.equal(["lock_lost"]);
    expect((await fixture.queue.enqueue([newRequest(actorId)])).enqueued).to.equal(1);
    await eventually("the new job is done", () => eventsOf(worker, "job_done").length === 1);
    await worker.host.drained();
  });

  it("asks again where a primary takes no writes any more, as after a failover its name leads to another", async () => {
    const lost: string[] = [];
    await fixture.client.replicaof("127.0.0.1", 1);
    const writing = fixture.queue.probeWrite().catch((error: unknown) => lost.push((error as FerryError).code));
    await eventually("it was refused", async () =>
      (await fixture.client.info("errorstats")).includes("errorstat_READONLY"),
    );
    await fixture.client.replicaof("NO", "ONE");
    await writing;
    expect(lost).to.deep.equal([]);
    expect(await fixture.client.keys("*ferry-probe")).to.have.length(1);
  });

  it("never runs an actor twice in one process, even when Redis has forgotten that it runs", async () => {
    const aborted = gate();
    const order: string[] = [];
    await fixture.work(
      async (request, { signal }) => {
        const number = String(request.options?.["number"]);
        order.push(`start ${number}`);
        if (number === "1") {
          await new Promise((resolve) => {
            signal.addEventListener("abort", resolve);
          });
          await aborted.opened;
        }
        order.push(`end ${number}`);
        return { kind: "done" };
      },
      // Its lock would not be missed before the test is over.
      { concurrency: 2, lockDurationMs: 3_600_000 },
    );
    const actorId = newActor();
    await fixture.queue.enqueue([newRequest(actorId, { number: 1 })]);
    await eventually("the first runs", () => order.length === 1);
    await fixture.client.flushall();
    await fixture.queue.enqueue([newRequest(actorId, { number: 2 })]);
    await eventually("the second is taken", async () => (await fixture.queue.counts()).active === 1);
    aborted.open();
    await eventually("both have run", () => order.length === 4);
    expect(order).to.deep.equal(["start 1", "end 1", "start 2", "end 2"]);
  });

  it("connects again by itself when Redis restarts, and finishes what it had", async () => {
    const finish = gate();
    const worker = await fixture.work(
      async () => {
        await finish.opened;
        return { kind: "done" };
      },
      { lockDurationMs: 30_000 },
    );
    await fixture.queue.enqueue([newRequest(newActor()), newRequest(newActor())]);
    await eventually("a job runs", () => worker.host.inFlight === 1);
    await fixture.redis.interrupt();
    finish.open();
    await eventually("the loss is told", () => eventsOf(worker, "redis_lost").length === 1);
    await fixture.redis.resume();
    await eventually("both jobs are done", () => eventsOf(worker, "job_done").length === 2, 15_000);
    expect(eventsOf(worker, "redis_back")).to.have.length(1);
    await fixture.queue.drained();
    expect(await fixture.queue.counts()).to.include({ waiting: 0, active: 0, failed: 0 });
    expect((await fixture.queue.enqueue([newRequest(newActor())])).enqueued).to.equal(1);
  });

  it("counts a lock as lost when Redis is away longer than it lasts, and hands the job back later", async () => {
    const reasons: string[] = [];
    const worker = await fixture.work(abortedOnce(reasons), { lockDurationMs: 500, stalledIntervalMs: 300 });
    await fixture.queue.enqueue([newRequest(newActor())]);
    await eventually("the job runs", () => worker.host.inFlight === 1);
    await fixture.redis.interrupt();
    await eventually("the lock counts as lost", () => reasons.length === 1);
    await fixture.redis.resume();
    await eventually("the job is done", () => eventsOf(worker, "job_done").length === 1, 15_000);
    expect(reasons).to.deep.equal(["lock_lost"]);
    expect(eventsOf(worker, "job_started").map(({ attempt }) => attempt)).to.deep.equal([1, 1]);
  });

  it("migrates an actor after a store outage that was longer than all its attempts", async () => {
    let starts = 0;
    const worker = await fixture.work(() => {
      starts += 1;
      return starts <= 5 ? Promise.reject(new StoreError("unavailable", "away")) : Promise.resolve({ kind: "done" });
    });
    await fixture.queue.enqueue([newRequest(newActor())]);
    await eventually("it is done", () => eventsOf(worker, "job_done").length === 1, 20_000);
    expect(eventsOf(worker, "job_waits_for_store")).to.have.length(5);
    expect(eventsOf(worker, "job_done").map(({ attempt }) => attempt)).to.deep.equal([1]);
    expect(worker.exhausted).to.deep.equal([]);
  });

  it("does not go through the whole queue while a store serves none, and goes on as soon as it does", async () => {
    let isFull = true;
    const worker = await fixture.work(
      () =>
        isFull ? Promise.reject(new StoreError("disk_full", "no room")) : Promise.resolve({ kind: "done" as const }),
      { concurrency: 2 },
    );
    await fixture.queue.enqueue(Array.from({ length: 100 }, () => newRequest(newActor())));
    await eventually("it has tried", () => eventsOf(worker, "job_waits_for_store").length >= 2);
    const untilMs = Date.now() + 1_500;
    await eventually("time passes", () => Date.now() > untilMs);
    expect(eventsOf(worker, "job_waits_for_store").length).to.be.below(20);
    isFull = false;
    await eventually("all are done", () => eventsOf(worker, "job_done").length === 100, 20_000);
  });

  it("stops although Redis is away", async () => {
    const worker = await fixture.work(undefined, { handBackMs: 100 });
    await fixture.redis.interrupt();
    await worker.host.stop();
    expect(worker.host.state).to.equal("stopped");
    await fixture.redis.resume();
  });

  it("never counts less than three silences of workers as too often, whatever is asked for", async () => {
    await fixture.queue.enqueue([newRequest(newActor())]);
    const [id] = await fixture.client.lrange("ferry:actor-migration:wait", 0, -1);
    await fixture.client.hset(`ferry:actor-migration:${id ?? ""}`, "stc", 3);
    const worker = await fixture.work(undefined, { maxStalls: 0 });
    await worker.host.drained();
    expect([eventsOf(worker, "job_done").length, worker.exhausted.length]).to.deep.equal([1, 0]);
  });

  it("records a failure when a job's workers went silent too often", async () => {
    const actorId = newActor();
    await fixture.queue.enqueue([newRequest(actorId)]);
    const [id] = await fixture.client.lrange("ferry:actor-migration:wait", 0, -1);
    await fixture.client.hset(`ferry:actor-migration:${id ?? ""}`, "stc", 4);
    const worker = await fixture.work(undefined, { maxStalls: 3 });
    await eventually("it is recorded", () => worker.exhausted.length === 1);
    expect((worker.exhausted[0]?.error as FerryError).code).to.equal("worker_lost");
    expect(eventsOf(worker, "job_started")).to.deep.equal([]);
    await worker.host.drained();
    expect((await fixture.queue.counts()).failed).to.equal(1);
  });
});
