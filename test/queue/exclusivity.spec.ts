import { expect } from "chai";

import { Child } from "./child.ts";
import { eventually } from "./eventually.ts";
import { eventsOf, QueueFixture } from "./queue-fixture.ts";
import { newActor, newRequest } from "./requests.ts";

const exclusiveWorker = new URL("./processes/exclusive-worker.ts", import.meta.url);
const exclusiveProducer = new URL("./processes/exclusive-producer.ts", import.meta.url);
const holdingWorker = new URL("./processes/holding-worker.ts", import.meta.url);

describe("queue/exclusivity over processes", () => {
  let fixture: QueueFixture;
  const children: Child[] = [];
  before(async () => {
    fixture = await QueueFixture.start();
  });
  afterEach(async () => {
    await Promise.all(children.map((child) => child.kill()));
    children.length = 0;
    await fixture.reset();
  });
  after(() => fixture.end());

  function start(script: URL, ...args: readonly string[]): Child {
    const child = new Child(script, fixture.redis.url, ...args);
    children.push(child);
    return child;
  }

  it("serves 1,000 requests of 2 producers over 50 actors by 4 workers: one at a time, the last of each, none lost", async function () {
    this.timeout(180_000); // six processes share what cores there are
    const actors = Array.from({ length: 50 }, newActor);
    const workers = Array.from({ length: 4 }, () => start(exclusiveWorker));
    const producers = [500, 500].map((count) => start(exclusiveProducer, String(count), actors.join(",")));
    for (const producer of producers) {
      expect(await producer.ended()).to.equal(0);
    }
    await fixture.queue.drained({ signal: AbortSignal.timeout(120_000), pollMs: 50 });

    const totals = producers.map(({ output }) => JSON.parse(output) as Record<string, number>);
    const sum = (key: string): number => totals.reduce((total, counts) => total + (counts[key] ?? 0), 0);
    expect(sum("enqueued") + sum("alreadyQueued") + sum("queuedAfterActive")).to.equal(1_000);
    expect(await fixture.client.lrange("test:violations", 0, -1)).to.deep.equal([]);
    let runs = 0;
    for (const actor of actors) {
      const asked = await fixture.client.lrange(`test:asked:${actor}`, 0, -1);
      const served = await fixture.client.lrange(`test:served:${actor}`, 0, -1);
      expect(served.toSorted().at(-1), actor).to.equal(asked.toSorted().at(-1));
      runs += served.length;
    }
    expect(runs).to.be.within(sum("enqueued"), sum("enqueued") + sum("queuedAfterActive"));
    expect(await fixture.client.keys("ferry:actor-migration:d[en]:*")).to.deep.equal([]);
    for (const worker of workers) {
      worker.signal("SIGTERM");
      expect(await worker.ended()).to.equal(0);
    }
  });

  it("aborts the job of a worker that was stopped past its lock, and lets another do it once", async () => {
    const stopped = start(holdingWorker, "500", "5000");
    await stopped.printed("ready");
    await fixture.queue.enqueue([newRequest(newActor())]);
    await stopped.printed("job_started");
    stopped.signal("SIGSTOP");
    const other = await fixture.work(undefined, { stalledIntervalMs: 300 });
    await eventually("the other worker has done it", () => eventsOf(other, "job_done").length === 1);
    stopped.signal("SIGCONT");
    await stopped.printed("lock_lost");
    await stopped.printed("job_handed_back lock_lost");
    expect(await fixture.queue.counts()).to.include({ waiting: 0, active: 0, delayed: 0 });
    stopped.signal("SIGTERM");
    expect(await stopped.ended()).to.equal(0);
    expect(eventsOf(other, "job_started")).to.have.length(1);
  });

  it("hands back at SIGTERM what does not end within the deadline, and exits 0", async () => {
    const worker = start(holdingWorker, "30000", "100");
    await worker.printed("ready");
    await fixture.queue.enqueue([newRequest(newActor())]);
    await worker.printed("job_started");
    worker.signal("SIGTERM");
    expect(await worker.ended()).to.equal(0);
    expect(worker.output).to.contain("job_handed_back shutdown");
    expect(await fixture.queue.counts()).to.include({ waiting: 1, active: 0 });
  });

  it("loses no job of a worker that is killed", async () => {
    const killed = start(holdingWorker, "500", "5000");
    await killed.printed("ready");
    await fixture.queue.enqueue([newRequest(newActor())]);
    await killed.printed("job_started");
    await killed.kill();
    const other = await fixture.work(undefined, { stalledIntervalMs: 300 });
    await eventually("the other worker has done it", () => eventsOf(other, "job_done").length === 1);
    expect(eventsOf(other, "job_stalled")).to.have.length(1);
    expect(eventsOf(other, "job_started")[0]?.attempt).to.equal(1);
  });
});
