import { expect } from "chai";
import type { ActorId } from "../../src/formats/actor-id.ts";
import type { FeedQueue, FeedRequest } from "../../src/campaign/feed-queue.ts";
import { campaignFeedQueue } from "../../src/queue/campaign-feed-queue.ts";
import { eventually, gate } from "./eventually.ts";
import { QueueFixture } from "./queue-fixture.ts";
import { newActor } from "./requests.ts";

describe("the queue as the feeder uses it", () => {
  let fixture: QueueFixture;
  let queue: FeedQueue;

  before(async () => {
    fixture = await QueueFixture.start();
    queue = campaignFeedQueue(fixture.queue);
  });

  afterEach(async () => {
    await fixture.reset();
  });

  after(async () => {
    await fixture.end();
  });

  const requests = (campaign: string, ids: readonly ActorId[], first = 1): FeedRequest[] =>
    ids.map((actorId, index) => ({ actorId, campaign, options: {}, turn: first + index }));
  const newActors = (count: number): ActorId[] => Array.from({ length: count }, newActor);

  it("hands jobs with their campaign and options to workers", async () => {
    const [actorId] = [newActor()];
    await queue.feed([{ actorId, campaign: "spring", options: { layout: "delta" }, turn: 1 }]);
    const seen: unknown[] = [];
    await fixture.work((request) => {
      seen.push(request);
      return Promise.resolve({ kind: "done" });
    });
    await eventually("the job is run", () => seen.length === 1);
    expect(seen[0]).to.deep.include({ actorId, campaign: "spring", options: { layout: "delta" } });
  });

  it("lets a small campaign's actors go before those of a big one that were there first", async () => {
    const [big, small] = [newActors(200), newActors(5)];
    await queue.feed(requests("big", big));
    await queue.feed(requests("small", small));
    const order: string[] = [];
    await fixture.work(({ campaign = "" }) => {
      order.push(campaign);
      return Promise.resolve({ kind: "done" });
    });
    await eventually("all are run", () => order.length === 205);
    // Both count from 1, so they take turns, and the small one is through after twice its number.
    expect(order.slice(0, 12).filter((campaign) => campaign === "small")).to.have.length(5);
  });

  it("tells whose turn it is, and of an empty queue whose it was last", async () => {
    expect(await queue.turn()).to.equal(undefined);
    await queue.feed(requests("spring", newActors(3), 7));
    expect(await queue.turn()).to.equal(7);
    await fixture.work(() => Promise.resolve({ kind: "done" }));
    await eventually("nothing waits", async () => (await fixture.queue.counts()).waiting === 0);
    expect(await queue.turn()).to.equal(9);
    await fixture.client.flushall();
    expect(await queue.turn()).to.equal(undefined);
  });

  it("moves the turns of all jobs back, and keeps their order", async () => {
    const [putOff, running, first, third, second, fourth] = newActors(6) as [ActorId, ...ActorId[]];
    const named = (ids: readonly (ActorId | undefined)[]): ActorId[] => ids.filter((id) => id !== undefined);
    const opened = gate();
    const started: ActorId[] = [];
    await queue.feed(requests("spring", named([putOff, running]), 1_000_001));
    await fixture.work(async ({ actorId }) => {
      started.push(actorId);
      await (actorId === running ? opened.opened : Promise.resolve());
      return actorId === putOff ? { kind: "defer", delayMs: 3_600_000 } : { kind: "done" };
    });
    await eventually("one is put off and one runs", () => started.length === 2);
    await queue.feed(requests("spring", named([first, third]), 1_000_010));

    await queue.rebaseTurns(1_000_000);

    expect(await queue.turn()).to.equal(10);
    await queue.feed(requests("summer", named([second, fourth]), 10));
    const turnOf = async (id = putOff): Promise<string | null> => {
      const job = await fixture.client.get(`ferry:actor-migration:de:${id}`);
      return fixture.client.hget(`ferry:actor-migration:${job ?? ""}`, "priority");
    };
    expect(await Promise.all([putOff, running, first, third].map(turnOf))).to.deep.equal(["1", "2", "10", "11"]);
    opened.open();
    await eventually("all that wait are run", () => started.length === 6);
    expect(started.slice(2)).to.deep.equal([first, second, third, fourth]);
    expect(await queue.turn()).to.equal(11);
  });

  it("lets jobs that nobody's campaign fed go first", async () => {
    const [fed, asked] = [newActors(20), newActor()];
    await queue.feed(requests("spring", fed));
    await fixture.queue.enqueue([{ actorId: asked, requestedAt: new Date().toISOString() }]);
    const order: ActorId[] = [];
    await fixture.work(({ actorId }) => {
      order.push(actorId);
      return Promise.resolve({ kind: "done" });
    });
    await eventually("all are run", () => order.length === 21);
    expect(order.indexOf(asked)).to.be.at.most(1);
  });

  it("misses nothing that waits or runs, and all that ended or was forgotten", async () => {
    const ids = newActors(3);
    const running = gate();
    await queue.feed(requests("spring", ids));
    expect(await queue.missing([...ids, ...newActors(0)])).to.deep.equal([]);
    const worker = await fixture.work(async ({ actorId }) => {
      await (actorId === ids[0] ? Promise.resolve() : running.opened);
      return { kind: "done" };
    });
    await eventually("the second is under way", async () => (await queue.missing(ids)).length === 1);
    expect(await queue.missing(ids)).to.deep.equal([ids[0]]);
    await fixture.client.flushall();
    expect(await queue.missing(ids)).to.deep.equal(ids);
    running.open();
    await eventually("the worker has let go", () => worker.host.inFlight === 0);
  });

  it("withdraws a campaign's jobs that wait or are put off, and nothing else", async () => {
    const [running, putOff, first, second, asked, others] = newActors(6) as [ActorId, ActorId, ...ActorId[]];
    const named = (ids: readonly (ActorId | undefined)[]): ActorId[] => ids.filter((id) => id !== undefined);
    const opened = gate();
    const started: ActorId[] = [];
    await queue.feed(requests("spring", [putOff, running]));
    await fixture.work(async ({ actorId }) => {
      started.push(actorId);
      await (actorId === running ? opened.opened : Promise.resolve());
      return actorId === putOff ? { kind: "defer", delayMs: 3_600_000 } : { kind: "done" };
    });
    await eventually("one is put off and one runs", () => started.length === 2);
    await queue.feed(requests("spring", named([first, second, asked])));
    await queue.feed(requests("summer", named([others])));
    await fixture.queue.enqueue(named([asked]).map((actorId) => ({ actorId, requestedAt: new Date().toISOString() })));

    const all = named([running, putOff, first, second, asked, others, newActor()]);
    expect(await queue.withdraw("spring", all)).to.deep.equal(named([putOff, first, second]));

    expect(await queue.missing(named([running, asked, others]))).to.deep.equal([]);
    expect(await fixture.queue.counts()).to.include({ active: 1, waiting: 2, delayed: 0 });
    await queue.feed(requests("spring", named([first]), 9));
    opened.open();
    await eventually("what is left is run", () => started.length === 5);
    expect(started.slice(2).toSorted()).to.deep.equal(named([asked, others, first]).toSorted());
  });

  it("withdraws a job also that came back from a worker that went silent", async () => {
    const actorId = newActor();
    await queue.feed(requests("spring", [actorId]));
    const [jobId = ""] = await fixture.client.zrange("ferry:actor-migration:prioritized", 0, -1);
    await fixture.client.zrem("ferry:actor-migration:prioritized", jobId);
    await fixture.client.rpush("ferry:actor-migration:wait", jobId);
    expect(await queue.withdraw("spring", [actorId])).to.deep.equal([actorId]);
    expect(await fixture.queue.counts()).to.include({ active: 0, waiting: 0 });
  });

  it("takes an actor again after Redis forgot it, and runs it once however often it is fed", async () => {
    const ids = newActors(40);
    await queue.feed(requests("spring", ids));
    await fixture.client.flushall();
    await queue.feed(requests("spring", ids));
    await queue.feed(requests("spring", ids, 41));
    const runs: ActorId[] = [];
    await fixture.work(({ actorId }) => {
      runs.push(actorId);
      return Promise.resolve({ kind: "done" });
    });
    await eventually("nothing waits", async () => (await fixture.queue.counts()).waiting === 0 && runs.length >= 40);
    expect(runs.toSorted()).to.deep.equal(ids.toSorted());
  });
});
