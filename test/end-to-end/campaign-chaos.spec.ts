import { expect } from "chai";
import { allRows } from "../../src/campaign/audit.ts";
import { listOutcomes, readHistory } from "../../src/campaign/ledger.ts";
import { V2_SUBSPACE } from "../../src/formats/v2-keys.ts";
import type { Outcome } from "../../src/migration/outcome.ts";
import type { Store } from "../../src/store/store.ts";
import type { FerryProcess } from "../support/cli.ts";
import { CampaignCluster, smallImages, writeSmallActors } from "../support/campaign-chaos.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { readV2, sha256 } from "../support/reference.ts";
import { LONG } from "../support/run-options.ts";
import type { Row, TestActor } from "../support/v1-actors.ts";

/*
 * A campaign of real actors while everything it runs on fails. What happens when is drawn from a seed: each trouble comes when so
 * many actors are done, so that it comes in the middle of the campaign on fast and on slow machines.
 */

const NAME = "spring";

// eslint-disable-next-line n/no-process-env -- a failed run is repeated with the seed it printed
const SEED = Number(process.env["FERRY_TEST_SEED"] ?? "4");
// eslint-disable-next-line n/no-process-env -- the long form can be cut to what a machine has time for
const ACTORS = LONG ? Number(process.env["FERRY_TEST_ACTORS"] ?? "20000") : 300;
const WORKERS = 3;
const FEEDERS = 2;
/** Slow enough that the troubles of the short form meet a running campaign. */
const PACE = LONG ? [] : ["--rate", "50"];
const WINDOW = LONG ? "1000" : "100";
const ROUNDS = LONG ? 6 : 1;
const DEADLINE_MS = LONG ? 3_600_000 : 240_000;
/** A killed worker's job is free after two of these. */
const LOCK = "2s";

type Trouble = "kill worker" | "kill feeder" | "flush redis" | "restart redis" | "pause" | "stop worker";
const TROUBLES: readonly Trouble[] = [
  ...(["kill worker", "kill worker", "kill worker", "stop worker", "kill feeder"] as const),
  ...(["flush redis", "restart redis", "pause"] as const),
];

describe(`a campaign of ${ACTORS} actors while everything fails (seed ${SEED})`, function () {
  this.timeout(DEADLINE_MS + 60_000);
  let cluster: CampaignCluster;

  beforeEach(async () => {
    cluster = await CampaignCluster.start({ FERRY_LOCK: LOCK, FERRY_LEASE: LOCK, FERRY_CONCURRENCY: "4" });
  });

  afterEach(async () => {
    await cluster.stop();
  });

  it("ends with every actor migrated once, every image right and every count exact", async () => {
    const imageOf = smallImages();
    const actors = await writeSmallActors(cluster.store, ACTORS, imageOf);
    const imageBytes = imageOf(0).length;

    await cluster.ferry(["campaign", "create", NAME, "--scan", "--window", WINDOW, ...PACE, "--start"]);
    for (let count = 0; count < WORKERS; count += 1) {
      cluster.run("worker");
    }
    for (let count = 0; count < FEEDERS; count += 1) {
      cluster.run("feeder");
    }

    const random = new SeededRandom(SEED);
    for (const { trouble, at } of schedule(random)) {
      await cluster.until(`${at} actors are done, for "${trouble}"`, async () => (await progress()) >= at, DEADLINE_MS);
      await make(trouble, random);
    }
    await cluster.until("it completes", async () => (await cluster.state(NAME)) === "completed", DEADLINE_MS);
    await Promise.all(cluster.running("worker").map((worker) => cluster.end(worker, "SIGTERM")));
    await Promise.all(cluster.running("feeder").map((feeder) => cluster.end(feeder, "SIGTERM")));

    const { todo, open, later, byReason } = await cluster.counts(NAME);
    const none = { actors: 0, bytes: 0 };
    expect({ todo, open, later }).to.deep.equal({ todo: none, open: none, later: none });
    expect(byReason).to.deep.equal([
      { state: "migrated", reason: "", tally: { actors: ACTORS, bytes: ACTORS * imageBytes } },
    ]);
    const audit = await cluster.ferry(["campaign", "audit", NAME, "--json"]);
    expect(JSON.parse(audit.stdout)).to.deep.include({ agrees: true, actors: ACTORS, moving: false, differences: [] });
    await cluster.ferry(["verify", "--campaign", NAME, "--check", "quick"]);
    await expectImages(cluster.store, actors, imageOf);
    await expectMigratedOnce(cluster.store, actors);
  });

  const progress = (): Promise<number> => cluster.finished(NAME);

  /** Every round has every trouble once or as often as it is listed, in some order, spread over the campaign. */
  function schedule(random: SeededRandom): { trouble: Trouble; at: number }[] {
    const all = Array.from({ length: ROUNDS }, () => shuffle(TROUBLES, random)).flat();
    const step = (ACTORS * 0.9) / all.length;
    return all.map((trouble, index) => ({ trouble, at: Math.floor(step * index) + random.below(Math.ceil(step)) }));
  }

  async function make(trouble: Trouble, random: SeededRandom): Promise<void> {
    switch (trouble) {
      case "kill worker":
        await cluster.end(await aWorker(random), "SIGKILL");
        cluster.run("worker");
        break;
      case "stop worker":
        expect((await cluster.end(await aWorker(random), "SIGTERM")).status).to.equal(0);
        cluster.run("worker");
        break;
      case "kill feeder":
        await cluster.end((await cluster.leader()) ?? random.pick(cluster.running("feeder")), "SIGKILL");
        cluster.run("feeder");
        break;
      case "flush redis":
        await cluster.flushRedis();
        break;
      case "restart redis":
        await cluster.redis.interrupt();
        await cluster.redis.resume();
        break;
      case "pause":
        await cluster.ferry(["campaign", "pause", NAME, "--reason-text", "lunch"]);
        await cluster.until("nothing is in flight", async () => (await openActors()) === 0, DEADLINE_MS);
        await cluster.ferry(["campaign", "resume", NAME]);
        break;
    }
  }

  /** One that is at work: killing one that is still starting troubles nobody. */
  async function aWorker(random: SeededRandom): Promise<FerryProcess> {
    const worker = random.pick(cluster.running("worker"));
    await worker.said("worker.started");
    return worker;
  }

  const openActors = async (): Promise<number> => (await cluster.counts(NAME)).open.actors;

  async function expectMigratedOnce(store: Store, actors: readonly TestActor[]): Promise<void> {
    const outcomes = new Map<string, Outcome>();
    for await (const outcome of listOutcomes(store)) {
      outcomes.set(outcome.actorId, outcome);
    }
    expect(outcomes.size).to.equal(actors.length);
    for (const { id } of actors) {
      // An outcome that a second migration replaced would be in its history, and counted in its attempts.
      expect(outcomes.get(id)).to.include({ state: "migrated", attempts: 1, campaign: NAME });
      expect(await readHistory(store, id)).to.deep.equal([]);
    }
    const twice = [...cluster.heard.migrated].filter(([, times]) => times > 1);
    expect(twice, "workers that said they migrated the same actor").to.deep.equal([]);
  }
});

async function expectImages(
  store: Store,
  actors: readonly TestActor[],
  imageOf: (n: number) => Uint8Array,
): Promise<void> {
  const rowsOf = new Map<string, Row[]>();
  for await (const row of allRows(store, V2_SUBSPACE)) {
    // A logical key begins with 2 and the actor's id; a piece's with a 3 before that.
    const at = V2_SUBSPACE.length + (row.key[V2_SUBSPACE.length] === 3 ? 2 : 1);
    const id = Buffer.from(row.key.subarray(at, at + 30)).toString("latin1");
    rowsOf.set(id, [...(rowsOf.get(id) ?? []), row]);
  }
  expect(rowsOf.size).to.equal(actors.length);
  actors.forEach((actor, n) => {
    expect(sha256(readV2(actor, rowsOf.get(actor.id) ?? []).image)).to.equal(sha256(imageOf(n)));
  });
}

function shuffle<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)).flat();
}
