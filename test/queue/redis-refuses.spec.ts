import { expect } from "chai";

import type { FerryError } from "../../src/errors.ts";
import { eventually, gate } from "./eventually.ts";
import { eventsOf, QueueFixture, type TestWorker } from "./queue-fixture.ts";
import { newActor, newRequest } from "./requests.ts";

describe("queue/a Redis that refuses commands, as one at its maxmemory does", () => {
  let fixture: QueueFixture;
  before(async () => {
    fixture = await QueueFixture.start({ args: ["--maxmemory-policy", "noeviction"] });
  });
  afterEach(async () => {
    await limitTo(0);
    await fixture.reset();
  });
  after(() => fixture.end());

  /** In bytes; 1: it is full, 0: it is not. */
  const limitTo = (maxBytes: number): Promise<unknown> => fixture.client.config("SET", "maxmemory", maxBytes);

  /** A worker that Redis begins to refuse with jobs waiting, once it has been refused; and how many it has begun. */
  const refused = async (): Promise<{ worker: TestWorker; started: () => number }> => {
    let started = 0;
    const worker = await fixture.work(
      () => {
        started += 1;
        return Promise.resolve({ kind: "done" });
      },
      { concurrency: 2 },
    );
    await worker.host.pause();
    await fixture.queue.enqueue(Array.from({ length: 5 }, () => newRequest(newActor())));
    await limitTo(1);
    await worker.host.resume();
    await eventually("it is refused", () => eventsOf(worker, "queue_error").length > 0);
    return { worker, started: () => started };
  };
  const wait = async (ms: number): Promise<void> => {
    const untilMs = Date.now() + ms;
    await eventually("time passes", () => Date.now() > untilMs);
  };

  it("is asked some times a second, and the worker goes on as soon as it takes commands again", async () => {
    const { worker, started } = await refused();
    const scriptCalls = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await fixture.client.info("commandstats"))?.[1]);
    const before = await scriptCalls();
    await wait(3_000);
    expect(eventsOf(worker, "queue_error").length).to.be.within(2, 12);
    expect((await scriptCalls()) - before).to.be.below(30);
    expect(eventsOf(worker, "queue_error")[0]?.error).to.be.instanceOf(Error).with.property("message").contains("OOM");
    await limitTo(0);
    await eventually("all are done", () => started() === 5, 5_000);
  });

  it("is asked for nothing by a worker that is paused meanwhile, until it is resumed", async () => {
    const { worker, started } = await refused();
    await worker.host.pause();
    await limitTo(0);
    await wait(1_500);
    expect([started(), worker.host.isPaused]).to.deep.equal([0, true]);
    await worker.host.resume();
    await eventually("all are done", () => started() === 5, 5_000);
  });

  it("is not asked sooner by a worker that is resumed or given more slots", async () => {
    const { worker } = await refused();
    for (let times = 0; times < 20; times += 1) {
      await worker.host.setConcurrency(3 + times);
      await worker.host.pause();
      await worker.host.resume();
    }
    expect(eventsOf(worker, "queue_error").length).to.be.below(8);
  });

  it("does not hold up a worker that stops", async () => {
    const { worker, started } = await refused();
    const askedAtMs = Date.now();
    await worker.host.stop();
    expect(Date.now() - askedAtMs).to.be.below(5_000);
    await limitTo(0);
    await wait(1_500);
    expect([started(), worker.host.state]).to.deep.equal([0, "stopped"]);
  });

  it("keeps the locks of jobs that are under way, and takes their end", async () => {
    const opened = gate();
    const lockDurationMs = 1_500;
    const worker = await fixture.work(
      async () => {
        await opened.opened;
        return { kind: "done" };
      },
      { lockDurationMs },
    );
    await fixture.queue.enqueue([newRequest(newActor())]);
    await eventually("it runs", () => worker.host.inFlight === 1);
    await limitTo(1);
    await wait(3 * lockDurationMs);
    expect(eventsOf(worker, "lock_lost")).to.deep.equal([]);
    opened.open();
    await eventually("it has ended", async () => (await fixture.queue.counts()).active === 0);
    expect(eventsOf(worker, "job_done")).to.have.length(1);
  });

  it("lets jobs that are under way go on, and takes what is withdrawn from it", async () => {
    const opened = gate();
    const worker = await fixture.work(async () => {
      await opened.opened;
      return { kind: "done" };
    });
    const [first, second] = [newActor(), newActor()];
    const campaign = "spring";
    await fixture.queue.enqueue([{ ...newRequest(first), campaign }], { turnOf: () => 1 });
    await eventually("it runs", () => worker.host.inFlight === 1);
    await fixture.queue.enqueue([{ ...newRequest(second), campaign }], { turnOf: () => 2 });
    await limitTo(1);
    const error: unknown = await fixture.queue.enqueue([newRequest(newActor())]).catch((thrown: unknown) => thrown);
    expect((error as FerryError).code).to.equal("redis_full");
    expect(await fixture.queue.withdraw(campaign, [first, second])).to.deep.equal([second]);
    await limitTo(0);
    opened.open();
    await eventually("it is done", () => eventsOf(worker, "job_done").length === 1);
  });
});
