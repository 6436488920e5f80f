import { expect } from "chai";

import { InvariantError } from "../../src/errors.ts";
import type { MigrationRequest } from "../../src/queue/migration-request.ts";
import type { WorkerHost } from "../../src/queue/worker-host.ts";
import { eventually, gate } from "./eventually.ts";
import { eventsOf, QueueFixture } from "./queue-fixture.ts";
import { newActor, newRequest } from "./requests.ts";

describe("queue/worker host", () => {
  let fixture: QueueFixture;
  before(async () => {
    fixture = await QueueFixture.start();
  });
  afterEach(() => fixture.reset());
  after(() => fixture.end());

  it("runs a request with its options and reports it done", async () => {
    const seen: MigrationRequest[] = [];
    const request = { ...newRequest(newActor(), { layout: "shards", force: true }), campaign: "c1" };
    await fixture.queue.enqueue([request]);
    const worker = await fixture.work((served) => {
      seen.push(served);
      return Promise.resolve({ kind: "done" });
    });
    await fixture.queue.drained();
    expect(seen).to.deep.equal([request]);
    await eventually("done is reported", () => eventsOf(worker, "job_done").length === 1);
    expect(eventsOf(worker, "job_done")[0]).to.include({ actorId: request.actorId, attempt: 1, campaign: "c1" });
  });

  it("puts a deferred job off without spending an attempt, and drains without waiting for it", async () => {
    const actorId = newActor();
    const attempts: number[] = [];
    await fixture.queue.enqueue([newRequest(actorId)]);
    const worker = await fixture.work((_, { attempt }) => {
      attempts.push(attempt);
      return Promise.resolve(attempts.length < 4 ? { kind: "defer", delayMs: 1 } : { kind: "defer", delayMs: 60_000 });
    });
    await eventually("deferred four times", () => attempts.length === 4);
    await worker.host.drained();
    expect(attempts).to.deep.equal([1, 1, 1, 1]);
    expect(await fixture.queue.counts()).to.include({ waiting: 0, active: 0, delayed: 1, failed: 0 });
    expect((await fixture.queue.enqueue([newRequest(actorId)])).alreadyQueued).to.equal(1);
  });

  it("forgets at a deferral how often workers went silent, so that weeks of deployments do not add up", async () => {
    await fixture.queue.enqueue([newRequest(newActor())]);
    const [id] = await fixture.client.lrange("ferry:actor-migration:wait", 0, -1);
    await fixture.client.hset(`ferry:actor-migration:${id ?? ""}`, "stc", 3);
    const worker = await fixture.work(() => Promise.resolve({ kind: "defer", delayMs: 60_000 }), { maxStalls: 3 });
    await worker.host.drained();
    expect(await fixture.client.hget(`ferry:actor-migration:${id ?? ""}`, "stc")).to.equal("0");
  });

  it("tries an error again, then records the failure once, and the actor can be asked for again", async () => {
    const actorId = newActor();
    const attempts: number[] = [];
    await fixture.queue.enqueue([newRequest(actorId)]);
    const worker = await fixture.work((_, { attempt }) => {
      attempts.push(attempt);
      return Promise.reject(new Error(`no ${attempt}`));
    });
    await worker.host.drained();
    expect(attempts).to.deep.equal([1, 2, 3]);
    expect(worker.exhausted.map(({ request, error }) => [request.actorId, (error as Error).message])).to.deep.equal([
      [actorId, "no 3"],
    ]);
    expect(eventsOf(worker, "job_retrying").map(({ attempt }) => attempt)).to.deep.equal([1, 2]);
    expect((await fixture.queue.enqueue([newRequest(actorId)])).enqueued).to.equal(1);
  });

  it("is not drained while an error waits to be tried again", async () => {
    let attempts = 0;
    await fixture.queue.enqueue([newRequest(newActor())]);
    const worker = await fixture.work(
      () => {
        attempts += 1;
        return attempts === 1 ? Promise.reject(new Error("no")) : Promise.resolve({ kind: "done" });
      },
      { retry: { attempts: 3, baseDelayMs: 300, maxDelayMs: 300 } },
    );
    await worker.host.drained({ pollMs: 2 });
    expect(attempts).to.equal(2);
  });

  it("does not try a final error again", async () => {
    await fixture.queue.enqueue([newRequest(newActor())]);
    const worker = await fixture.work(() => Promise.reject(new InvariantError("a bug")));
    await worker.host.drained();
    expect(worker.exhausted).to.have.length(1);
    expect(eventsOf(worker, "job_retrying")).to.deep.equal([]);
  });

  it("keeps a job whose failure could not be recorded", async () => {
    await fixture.queue.enqueue([newRequest(newActor())]);
    let records = 0;
    const worker = await fixture.work(() => Promise.reject(new InvariantError("a bug")), {
      onExhausted: () => {
        records += 1;
        return records === 1 ? Promise.reject(new Error("store away")) : Promise.resolve();
      },
    });
    await worker.host.drained();
    expect(records).to.equal(2);
    expect(eventsOf(worker, "job_handed_back").map(({ reason }) => reason)).to.deep.equal(["not_recorded"]);
    expect(eventsOf(worker, "job_exhausted")).to.have.length(1);
  });

  it("lets a running job finish at stop", async () => {
    const finish = gate();
    await fixture.queue.enqueue([newRequest(newActor()), newRequest(newActor())]);
    const worker = await fixture.work(async () => {
      await finish.opened;
      return { kind: "done" };
    });
    await eventually("a job runs", () => worker.host.inFlight === 1);
    const stopped = worker.host.stop();
    finish.open();
    await stopped;
    expect(eventsOf(worker, "job_done")).to.have.length(1);
    expect(await fixture.queue.counts()).to.include({ waiting: 1, active: 0 });
    expect(worker.host.state).to.equal("stopped");
  });

  it("lets all its jobs finish at stop, also after the first has", async () => {
    const ends = [gate(), gate()];
    let started = 0;
    const worker = await fixture.work(
      async () => {
        started += 1;
        await ends[started - 1]?.opened;
        return { kind: "done" };
      },
      { concurrency: 2, drainDeadlineMs: 600_000 },
    );
    await fixture.queue.enqueue([newRequest(newActor()), newRequest(newActor())]);
    await eventually("both run", () => started === 2);
    const stopped = worker.host.stop();
    ends[0]?.open();
    await eventually("one has ended", () => eventsOf(worker, "job_done").length === 1);
    ends[1]?.open();
    await stopped;
    expect(eventsOf(worker, "job_done")).to.have.length(2);
    expect(eventsOf(worker, "state_changed").map(({ state }) => state)).to.deep.equal(["draining", "stopped"]);
    // The host has let go of the connection itself; its closing comes a moment later.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(eventsOf(worker, "redis_lost")).to.deep.equal([]);
  });

  it("stops as soon as its jobs have ended also while Redis is away, and aborts none", async () => {
    const opened = gate();
    const worker = await fixture.work(
      async () => {
        await opened.opened;
        return { kind: "done" };
      },
      { drainDeadlineMs: 600_000, handBackMs: 100 },
    );
    await fixture.queue.enqueue([newRequest(newActor())]);
    await eventually("it runs", () => worker.host.inFlight === 1);
    fixture.redis.freeze();
    try {
      const stopped = worker.host.stop();
      opened.open();
      await stopped;
    } finally {
      fixture.redis.thaw();
    }
    expect(eventsOf(worker, "state_changed").map(({ state }) => state)).to.deep.equal(["draining", "stopped"]);
  });

  it("hands back at the deadline what does not finish, without spending an attempt", async () => {
    const attempts: number[] = [];
    await fixture.queue.enqueue([newRequest(newActor())]);
    const untilAborted = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          reject(signal.reason as Error);
        });
      });
    const first = await fixture.work(
      (_, { signal, attempt }) => {
        attempts.push(attempt);
        return untilAborted(signal);
      },
      { drainDeadlineMs: 1 },
    );
    await eventually("the job runs", () => attempts.length === 1);
    await first.host.stop();
    expect(eventsOf(first, "job_handed_back").map(({ reason }) => reason)).to.deep.equal(["shutdown"]);
    expect(await fixture.queue.counts()).to.include({ waiting: 1, active: 0 });
    const second = await fixture.work((_, { attempt }) => {
      attempts.push(attempt);
      return Promise.resolve({ kind: "done" });
    });
    await second.host.drained();
    expect(attempts).to.deep.equal([1, 1]);
  });

  it("ends at once at a second stop, and another worker takes the job when its lock runs out", async () => {
    await fixture.queue.enqueue([newRequest(newActor())]);
    const stuck = await fixture.work(() => new Promise(() => undefined), { lockDurationMs: 500 });
    await eventually("the job runs", () => stuck.host.inFlight === 1);
    void stuck.host.stop();
    await stuck.host.stop();
    expect(await fixture.queue.counts()).to.include({ active: 1 });
    const other = await fixture.work(undefined, { stalledIntervalMs: 300 });
    await eventually("the job is done", () => eventsOf(other, "job_done").length === 1);
    expect(eventsOf(other, "job_stalled")).to.have.length(1);
  });

  for (const [when, pauseAndRaise] of [
    [
      "while paused, also where it may take more than it is busy with from then on",
      async (host: WorkerHost) => {
        await host.pause();
        await host.setConcurrency(2);
      },
    ],
    [
      "when it is paused in the moment in which it is given more slots",
      (host: WorkerHost) => Promise.all([host.setConcurrency(2), host.pause()]),
    ],
  ] as const) {
    it(`takes no job ${when}`, async () => {
      const finish = gate();
      const worker = await fixture.work(async () => {
        await finish.opened;
        return { kind: "done" };
      });
      await fixture.queue.enqueue([newRequest(newActor()), newRequest(newActor())]);
      await eventually("one job runs", () => worker.host.inFlight === 1);
      await pauseAndRaise(worker.host);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect([worker.host.inFlight, eventsOf(worker, "job_handed_back")]).to.deep.equal([1, []]);
      finish.open();
      await worker.host.resume();
      await worker.host.drained();
    });
  }

  it("takes no job while paused, and its concurrency rises while it is busy", async () => {
    const finish = gate();
    const worker = await fixture.work(async () => {
      await finish.opened;
      return { kind: "done" };
    });
    await worker.host.pause();
    await fixture.queue.enqueue(Array.from({ length: 5 }, () => newRequest(newActor())));
    expect(worker.host.inFlight).to.equal(0);
    await worker.host.resume();
    await eventually("one job runs", () => worker.host.inFlight === 1);
    await worker.host.setConcurrency(3);
    await eventually("three jobs run", () => worker.host.inFlight === 3);
    expect(await fixture.queue.counts()).to.include({ waiting: 2, active: 3 });
    finish.open();
    await worker.host.drained();
  });
});
