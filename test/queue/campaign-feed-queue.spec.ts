import { Queue } from "bullmq";
import { expect } from "chai";
import type { ActorId } from "../../src/formats/actor-id.ts";
import type { FeedQueue, FeedRequest } from "../../src/campaign/feeder/feed-queue.ts";
import { campaignFeedQueue } from "../../src/queue/campaign-feed-queue.ts";
import type { MigrationRequest } from "../../src/queue/migration-request.ts";
import { QUEUE_NAME } from "../../src/queue/redis-options.ts";
import { eventually, gate } from "./eventually.ts";
import { QueueFixture } from "./queue-fixture.ts";
import { newActor, newRequest } from "./requests.ts";

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
    await queue.feed(requests("summer", newActors(1), 2));
    expect(await queue.turn()).to.equal(2);
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
    // One is from long before.
    await queue.feed(requests("spring", named([putOff]), 5));
    await queue.feed(requests("spring", named([running]), 1_000_002));
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

  it("keeps the order of jobs that have the same turn when turns are moved back", async () => {
    const ids = newActors(20);
    await queue.feed(ids.map((actorId) => ({ actorId, campaign: "spring", options: {}, turn: 7 })));
    const waiting = (): Promise<string[]> => fixture.client.zrange("ferry:actor-migration:prioritized", 0, -1);
    const before = await waiting();
    await queue.rebaseTurns(5);
    expect(await queue.turn()).to.equal(2);
    expect(await waiting()).to.deep.equal(before);
  });

  it("knows for how long the job that is next has been there", async () => {
    await queue.feed(requests("spring", newActors(2)));
    const [next] = await fixture.client.zrange("ferry:actor-migration:prioritized", 0, 0);
    const setTimestamp = (atMs: number): Promise<number> =>
      fixture.client.hset(`ferry:actor-migration:${next ?? ""}`, "timestamp", atMs);
    await setTimestamp(Date.now() - 3_600_000);
    expect((await fixture.queue.counts()).oldestWaitingMs).to.be.within(3_600_000, 3_700_000);
    // By a clock that is ahead.
    await setTimestamp(Date.now() + 3_600_000);
    expect((await fixture.queue.counts()).oldestWaitingMs).to.equal(0);
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
    await eventually("it is put off", async () => (await fixture.queue.counts()).delayed === 1);
    expect(await queue.missing(named([putOff, running])), "a campaign's own counts").to.deep.equal([]);
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
    expect(await fixture.client.keys(`ferry:actor-migration:${jobId}*`), "nothing of it stays").to.deep.equal([]);
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

  describe("of an actor that somebody else has asked for as well", () => {
    const HOUR_MS = 3_600_000;
    let actorId: ActorId;
    let seen: (string | undefined)[];

    beforeEach(() => {
      actorId = newActor();
      seen = [];
    });

    const feed = (): Promise<void> => queue.feed(requests("spring", [actorId]));
    const ask = async (): Promise<unknown> => fixture.queue.enqueue([newRequest(actorId)]);
    const missing = async (): Promise<boolean> => (await queue.missing([actorId])).length === 1;
    const isPutOff = async (): Promise<boolean> => (await fixture.queue.counts()).delayed === 1;
    /** As a worker does while the actor is awake: a campaign's job is done with it, another comes back. */
    const findAwake = ({ campaign }: MigrationRequest): { kind: "done" } | { kind: "defer"; delayMs: number } => {
      seen.push(campaign);
      return campaign === undefined ? { kind: "defer", delayMs: HOUR_MS } : { kind: "done" };
    };
    /** Has the job that is put off come back now. */
    const comeBack = async (): Promise<void> => {
      const bare = new Queue(QUEUE_NAME, { connection: { url: fixture.redis.url }, prefix: "ferry" });
      const [job] = await bare.getDelayed();
      await job?.promote();
      await bare.close();
    };

    it("serves the other request as it is, and misses the campaign's where the actor is awake", async () => {
      await feed();
      await ask();
      expect(await missing()).to.equal(false);
      await fixture.work(async (request) => Promise.resolve(findAwake(request)));
      await eventually("it is put off", isPutOff);
      expect(seen).to.deep.equal([undefined]);
      expect(await missing()).to.equal(true);
    });

    it("puts the campaign's request in its place at once, with its turn, and once", async () => {
      await ask();
      const first = await fixture.work(async (request) => Promise.resolve(findAwake(request)));
      await eventually("it is put off", isPutOff);
      await first.host.stop();
      await feed();
      expect([await missing(), await isPutOff(), await queue.turn()]).to.deep.equal([false, false, 1]);
      await feed();
      await fixture.work(async (request) => Promise.resolve(findAwake(request)));
      await eventually("the campaign's is run", () => seen.length === 2);
      expect(seen).to.deep.equal([undefined, "spring"]);
      await eventually("nothing is left", missing);
    });

    it("merges a later request of no campaign into the one that is put off", async () => {
      await ask();
      await fixture.work(async (request) => Promise.resolve(findAwake(request)));
      await eventually("it is put off", isPutOff);
      expect(await ask()).to.include({ enqueued: 0, alreadyQueued: 1 });
      expect(await fixture.queue.counts()).to.include({ delayed: 1, waiting: 0 });
    });

    it("misses a campaign's request that is kept behind the other one", async () => {
      const opened = gate();
      await ask();
      await fixture.work(async (request) => {
        await opened.opened;
        return findAwake(request);
      });
      await eventually("the other one runs", async () => (await fixture.queue.counts()).active === 1);
      await feed();
      expect(await missing()).to.equal(false);
      opened.open();
      await eventually("it is put off", isPutOff);
      expect(await missing()).to.equal(true);
      await feed();
      await eventually("the campaign's is run", () => seen.length === 2);
      expect(seen).to.deep.equal([undefined, "spring"]);
    });

    /** Has the campaign's job run, and go back to the queue with what is asked for meanwhile kept behind it. */
    const keepBehind = async (asking: () => Promise<unknown>): Promise<void> => {
      const opened = gate();
      await feed();
      await fixture.work(async ({ campaign }) => {
        seen.push(campaign);
        await opened.opened;
        return seen.length === 1 ? { kind: "defer", delayMs: HOUR_MS } : { kind: "done" };
      });
      await eventually("it runs", () => seen.length === 1);
      await asking();
      opened.open();
      await eventually("it is put off", isPutOff);
    };
    const keysOfActors = (): Promise<string[]> => fixture.client.keys("ferry:actor-migration:d[en]:*");

    it("does not withdraw the job that the other request is kept behind, and serves that one", async () => {
      await keepBehind(ask);
      expect(await queue.withdraw("spring", [actorId])).to.deep.equal([]);
      await comeBack();
      await eventually("the other one is run", () => seen.length === 2);
      expect(seen).to.deep.equal(["spring", undefined]);
      await eventually("nothing is left", async () => (await keysOfActors()).length === 0);
    });

    it("does not withdraw it either where an older request of the campaign's, late on its way, took the other one's place", async () => {
      const older = { ...newRequest(actorId), campaign: "spring" };
      await keepBehind(async () => {
        await ask();
        const bare = new Queue(QUEUE_NAME, { connection: { url: fixture.redis.url }, prefix: "ferry" });
        await bare.add("migrate", older, { jobId: "late", deduplication: { id: actorId, keepLastIfActive: true } });
        await bare.close();
      });
      expect(await queue.withdraw("spring", [actorId])).to.deep.equal([]);
      await comeBack();
      await eventually("the other one is run", () => seen.length === 2);
      expect(seen).to.deep.equal(["spring", undefined]);
    });

    it("leaves what is kept behind a job that runs, which serves it in its turn", async () => {
      const opened = gate();
      await feed();
      await fixture.work(async ({ campaign }) => {
        seen.push(campaign);
        await opened.opened;
        return { kind: "done" };
      });
      await eventually("it runs", () => seen.length === 1);
      await ask();
      expect(await queue.withdraw("spring", [actorId])).to.deep.equal([]);
      opened.open();
      await eventually("the other one is run", () => seen.length === 2);
      expect(seen).to.deep.equal(["spring", undefined]);
    });

    it("withdraws the campaign's request that is kept with its job", async () => {
      await keepBehind(feed);
      expect(await queue.withdraw("spring", [actorId])).to.deep.equal([actorId]);
      expect(await keysOfActors()).to.deep.equal([]);
    });

    it("waits for the other request while it waits for a worker or runs, also when it was put off before", async () => {
      await ask();
      const first = await fixture.work(async (request) => Promise.resolve(findAwake(request)));
      await eventually("it is put off", isPutOff);
      await first.host.stop();
      await comeBack();
      expect([await missing(), (await fixture.queue.counts()).waiting]).to.deep.equal([false, 1]);
      const opened = gate();
      await fixture.work(async () => {
        await opened.opened;
        return { kind: "done" };
      });
      await eventually("it runs", async () => (await fixture.queue.counts()).active === 1);
      expect(await missing()).to.equal(false);
      opened.open();
    });

    it("waits for the other request while it is to be tried again after an error, as that ends", async () => {
      await ask();
      const retry = { attempts: 3, baseDelayMs: HOUR_MS, maxDelayMs: HOUR_MS };
      await fixture.work(() => Promise.reject(new Error("no")), { retry });
      await eventually("it is put off", isPutOff);
      expect(await missing()).to.equal(false);
      await feed();
      expect(await fixture.queue.counts(), "it takes no other job's place").to.include({ delayed: 1, waiting: 0 });
    });
  });

  it("misses an actor whose job is in no list, and takes it again", async () => {
    const actorId = newActor();
    await fixture.client.set(`ferry:actor-migration:de:${actorId}`, "orphan");
    await fixture.client.hset("ferry:actor-migration:orphan", "data", "{}");
    expect(await queue.missing([actorId])).to.deep.equal([actorId]);
    await queue.feed(requests("spring", [actorId]));
    expect(await queue.missing([actorId])).to.deep.equal([]);
    expect((await fixture.queue.counts()).waiting).to.equal(1);
  });

  it("misses an actor of whose job only its place in a list is left", async () => {
    const [actorId] = [newActor()];
    await queue.feed(requests("spring", [actorId]));
    const [jobId = ""] = await fixture.client.zrange("ferry:actor-migration:prioritized", 0, -1);
    await fixture.client.del(`ferry:actor-migration:${jobId}`);
    expect(await queue.missing([actorId])).to.deep.equal([actorId]);
  });
});
