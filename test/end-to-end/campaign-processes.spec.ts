import { expect } from "chai";
import { auditCampaign } from "../../src/campaign/audit.ts";
import { CampaignCluster, madeImages, writeSmallActors } from "../support/campaign-chaos.ts";
import { loadRows } from "../support/reference-attempt.ts";
import { forEachEngine } from "../support/stores.ts";
import { lifeRow } from "../support/v1-actors.ts";

const DEADLINE_MS = 90_000;
/** Six seconds of lease, a round, and what a busy machine adds. */
const TAKEOVER_MS = 20_000;

describe("feeders and workers of a campaign, as processes", function () {
  this.timeout(240_000);
  forEachEngine((makeStore) => {
    let cluster: CampaignCluster;

    beforeEach(async () => {
      cluster = await CampaignCluster.start(await makeStore(), { FERRY_LOCK: "2s", FERRY_LEASE: "2s" });
    });

    afterEach(async () => {
      await cluster.stop();
    });

    const open = async (name: string): Promise<number> => (await cluster.counts(name)).open.actors;

    it("a second feeder takes over within seconds when the first is killed, and at once when it stops", async () => {
      await writeSmallActors(cluster.store, 30, madeImages());
      await cluster.ferry(["campaign", "create", "one", "--scan", "--window", "10", "--start"]);
      const first = await cluster.run("feeder");
      await first.said("feeder.leading");
      const second = await cluster.run("feeder");
      await second.said("feeder.started");
      await cluster.until("the first feeds", async () => (await open("one")) === 10, DEADLINE_MS);
      await cluster.end(first, "SIGKILL");
      const killedAtMs = Date.now();
      await second.said("feeder.leading");
      expect(Date.now() - killedAtMs).to.be.below(TAKEOVER_MS);
      const third = await cluster.run("feeder");
      await third.said("feeder.started");
      expect((await cluster.end(second, "SIGTERM")).status).to.equal(0);
      await third.said("feeder.leading");
      await cluster.ferry(["campaign", "set", "one", "--window", "20"]);
      await cluster.until("the third feeds", async () => (await open("one")) === 20, DEADLINE_MS);
    });

    it("a worker hands jobs of a paused campaign back to it, and resume brings them again", async () => {
      await writeSmallActors(cluster.store, 40, madeImages());
      await cluster.ferry(["campaign", "create", "one", "--scan", "--window", "40", "--start"]);
      await cluster.run("feeder");
      await cluster.until("all are fed", async () => (await open("one")) === 40, DEADLINE_MS);
      await cluster.ferry(["campaign", "pause", "one"]);
      await cluster.run("worker");
      await cluster.until("nothing is in flight", async () => (await open("one")) === 0, DEADLINE_MS);
      const { todo, done } = await cluster.counts("one");
      expect([todo.actors, done.migrated.actors]).to.deep.equal([40, 0]);
      await cluster.ferry(["campaign", "resume", "one"]);
      await cluster.until("it completes", async () => (await cluster.state("one")) === "completed", DEADLINE_MS);
      expect((await cluster.counts("one")).done.migrated.actors).to.equal(40);
      expect(await auditCampaign(cluster.store, "one")).to.deep.include({ differences: [], moving: false });
    });

    it("a campaign goes on and ends although somebody else asks for an actor of it that is awake", async () => {
      const [actor] = await writeSmallActors(cluster.store, 1, madeImages());
      if (actor === undefined) {
        throw new Error("no actor");
      }
      await loadRows(cluster.store, [lifeRow(actor, "CONNECTABLE")]);
      const create = ["campaign", "create", "--scan", "--defer-limit", "0", "--start"];
      await cluster.ferry([...create, "one"]);
      await cluster.run("feeder");
      // The campaign counts it as open before the queue has it.
      await cluster.until("it is fed", async () => (await cluster.waiting()) === 1, DEADLINE_MS);
      expect((await cluster.ferry(["enqueue", actor.id])).stdout).to.contain("already_queued 1");
      await cluster.run("worker");
      await cluster.until("it gives up", async () => (await cluster.state("one")) === "completed", DEADLINE_MS);
      expect((await cluster.counts("one")).done.deferred.actors).to.equal(1);
      expect(await auditCampaign(cluster.store, "one")).to.deep.include({ differences: [], moving: false });
    });

    it("limits hold within seconds, also for the window that waits on the queue, and nothing is lost by that", async () => {
      await writeSmallActors(cluster.store, 2_000, madeImages());
      await cluster.ferry(["campaign", "create", "one", "--scan", "--window", "2000", "--start"]);
      const feeder = await cluster.run("feeder");
      await cluster.until("all are fed", async () => (await open("one")) === 2_000, DEADLINE_MS);
      await cluster.run("worker", ["--concurrency", "4"]);
      await cluster.until("some are done", async () => (await cluster.finished("one")) > 100, DEADLINE_MS);
      await cluster.ferry(["throttle", "set", "--rate", "5", "--concurrent", "1"]);
      await feeder.said("feeder.withdrawn");
      await cluster.until("those that had begun are done", async () => (await open("one")) <= 1, DEADLINE_MS);
      const [done, heldAtMs] = [await cluster.finished("one"), Date.now()];
      expect(done).to.be.below(2_000);
      await cluster.until(
        "thirty more are done",
        async () => {
          expect(await open("one")).to.be.at.most(1);
          return (await cluster.finished("one")) >= done + 30;
        },
        DEADLINE_MS,
      );
      // The first second's worth at once, the others at five a second.
      expect(Date.now() - heldAtMs).to.be.above(4_000);
      const { stdout } = await cluster.ferry(["campaign", "explain", "one"]);
      expect(stdout).to.match(/^It goes no faster than the fleet's limits allow: 5 actors\/s, 1 actor at once\./);
      await cluster.ferry(["throttle", "clear"]);
      await cluster.until("it completes", async () => (await cluster.state("one")) === "completed", DEADLINE_MS);
      expect((await cluster.counts("one")).done.migrated.actors).to.equal(2_000);
      expect(await auditCampaign(cluster.store, "one")).to.deep.include({ differences: [], moving: false });
    });

    it("explain says within seconds that the queue is away, and ends with status 3 while it is", async () => {
      await writeSmallActors(cluster.store, 40, madeImages());
      await cluster.ferry(["campaign", "create", "one", "--scan", "--rate", "1", "--start"]);
      await cluster.run("feeder");
      await (await cluster.run("worker")).said("worker.started");
      const explain = (status: number): Promise<string> =>
        cluster.ferry(["campaign", "explain", "one"], { status }).then(({ stdout }) => stdout);
      expect(await explain(0)).not.to.contain("queue cannot be reached");
      await cluster.redis.interrupt("SIGKILL");
      await cluster.until(
        "a worker says so",
        async () => (await cluster.ferry(["campaign", "show", "one"])).stdout.includes("1 of 1 worker has lost Redis"),
        DEADLINE_MS,
      );
      const askedAtMs = Date.now();
      expect(await explain(3)).to.match(
        /^The queue cannot be reached, .*: 1 of 1 worker has lost Redis\. From here: Redis at .* does not answer/,
      );
      expect(Date.now() - askedAtMs).to.be.below(15_000);
      await cluster.redis.resume();
      await cluster.until(
        "it is back",
        async () => !(await cluster.ferry(["campaign", "show", "one"])).stdout.includes("lost Redis"),
        DEADLINE_MS,
      );
      expect(await explain(0)).not.to.contain("queue cannot be reached");
    });

    it("a full Redis is told of once in a while by a worker, and by a feeder that leads on, and both go on when it has room", async () => {
      const limitTo = (bytes: number): Promise<unknown> =>
        cluster.withRedis(async (client) => client.config("SET", "maxmemory", bytes));
      await writeSmallActors(cluster.store, 60, madeImages());
      await cluster.ferry(["campaign", "create", "one", "--scan", "--window", "30", "--start"]);
      const feeder = await cluster.run("feeder");
      await cluster.until("the window is full", async () => (await open("one")) === 30, DEADLINE_MS);
      await limitTo(1);
      await cluster.ferry(["campaign", "set", "one", "--window", "60"]);
      const worker = await cluster.run("worker", ["--concurrency", "2"]);
      await Promise.all([worker.said("queue.error"), feeder.said("feeder.failed")]);
      const fullAtMs = Date.now();
      await cluster.until("some seconds pass", () => Promise.resolve(Date.now() > fullAtMs + 5_000), DEADLINE_MS);
      const linesOf = (text: string, event: string): number => text.split(`"${event}"`).length - 1;
      expect(linesOf(worker.stderr, "queue.error")).to.be.at.most(4);
      expect(linesOf(feeder.stderr, "feeder.failed")).to.be.at.most(4);
      expect(linesOf(feeder.stderr, "feeder.leading")).to.equal(1);
      const { stdout } = await cluster.ferry(["campaign", "explain", "one"], { status: 3 });
      expect(stdout).to.match(/^The queue cannot be used, .*: Redis at .* has reached its maxmemory/);
      await limitTo(0);
      await cluster.until("it completes", async () => (await cluster.state("one")) === "completed", DEADLINE_MS);
      expect((await cluster.counts("one")).done.migrated.actors).to.equal(60);
      expect(linesOf(feeder.stderr, "feeder.leading")).to.equal(1);
    });

    it("a small campaign is through while a big one that began before is not", async () => {
      const actors = await writeSmallActors(cluster.store, 400, madeImages());
      await cluster.ferry(["campaign", "create", "big", "--from", "-", "--start"], {
        input: actors
          .slice(10)
          .map(({ id }) => `${id}\n`)
          .join(""),
      });
      await cluster.run("feeder");
      await cluster.until("the big one is fed", async () => (await open("big")) === 390, DEADLINE_MS);
      await cluster.ferry(["campaign", "create", "small", "--from", "-", "--start"], {
        input: actors
          .slice(0, 10)
          .map(({ id }) => `${id}\n`)
          .join(""),
      });
      await cluster.until("the small one is fed", async () => (await open("small")) === 10, DEADLINE_MS);
      await cluster.run("worker", ["--concurrency", "2"]);
      await cluster.until("the small one is over", async () => (await cluster.finished("small")) === 10, DEADLINE_MS);
      expect(await cluster.finished("big")).to.be.below(200);
    });
  });
});
