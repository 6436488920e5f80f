import { CampaignCluster, madeImages, writeSmallActors } from "../support/campaign-chaos.ts";
import { expectAccountedFor, expectMigratedOnce, expectStorageImages } from "../support/campaign-end.ts";
import { scheduleTroubles, TROUBLES } from "../support/campaign-troubles.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { LONG, SEED } from "../support/run-options.ts";
import { forEachEngine } from "../support/stores.ts";

/*
 * A campaign of real actors while everything it runs on fails. What happens when is drawn from a seed: each trouble comes when so
 * many actors are done, so that it comes in the middle of the campaign on fast and on slow machines.
 */

const NAME = "spring";

// eslint-disable-next-line n/no-process-env -- the long form can be cut to what a machine has time for
const ACTORS = LONG ? Number(process.env["FERRY_TEST_ACTORS"] ?? "20000") : 300;
const WORKERS = 3;
const FEEDERS = 2;
/** Slow enough that the troubles of the short form meet a running campaign. */
const PACE = LONG ? [] : ["--rate", "40"];
const WINDOW = LONG ? "1000" : "100";
const ROUNDS = LONG ? 6 : 1;
const DEADLINE_MS = LONG ? 3_600_000 : 240_000;
/** A killed worker's job is free after two of these. */
const LOCK = "2s";

const CAMPAIGN_TROUBLES = [
  ...(["kill worker", "kill worker", "kill worker", "end worker", "kill feeder"] as const),
  ...(["flush redis", "restart redis", "pause"] as const),
];

describe(`a campaign of ${ACTORS} actors while everything fails (seed ${SEED})`, function () {
  this.timeout(DEADLINE_MS + 60_000);
  forEachEngine((makeStore) => {
    let cluster: CampaignCluster;

    beforeEach(async () => {
      cluster = await CampaignCluster.start(await makeStore(), {
        FERRY_LOCK: LOCK,
        FERRY_LEASE: LOCK,
        FERRY_CONCURRENCY: "4",
      });
    });

    afterEach(async () => {
      await cluster.stop();
    });

    it("ends with every actor migrated once, every image right and every count exact", async () => {
      const imageOf = madeImages();
      const actors = await writeSmallActors(cluster.store, ACTORS, imageOf);

      await cluster.ferry(["campaign", "create", NAME, "--scan", "--window", WINDOW, ...PACE, "--start"]);
      for (let count = 0; count < WORKERS; count += 1) {
        await cluster.run("worker");
      }
      for (let count = 0; count < FEEDERS; count += 1) {
        await cluster.run("feeder");
      }

      const random = new SeededRandom(SEED);
      for (const { trouble, at } of scheduleTroubles(CAMPAIGN_TROUBLES, { actors: ACTORS, rounds: ROUNDS }, random)) {
        const done = async (): Promise<boolean> => (await cluster.finished(NAME)) >= at;
        await cluster.until(`${at} actors are done, for "${trouble}"`, done, DEADLINE_MS);
        await (trouble === "pause" ? pause() : TROUBLES[trouble](cluster, random));
      }
      await cluster.until("it completes", async () => (await cluster.state(NAME)) === "completed", DEADLINE_MS);
      await Promise.all(cluster.running("worker").map((worker) => cluster.end(worker, "SIGTERM")));
      await Promise.all(cluster.running("feeder").map((feeder) => cluster.end(feeder, "SIGTERM")));

      await expectAccountedFor(cluster, NAME, { actors: ACTORS, bytes: ACTORS * imageOf(0).length });
      await cluster.ferry(["verify", "--campaign", NAME, "--check", "quick"]);
      await expectStorageImages(cluster.store, actors, imageOf);
      // Whole in one transaction, so that nobody finds an actor half done.
      await expectMigratedOnce(cluster, NAME, actors, { attempts: 1 });
    });

    async function pause(): Promise<void> {
      await cluster.ferry(["campaign", "pause", NAME, "--reason-text", "lunch"]);
      const isIdle = async (): Promise<boolean> => (await cluster.counts(NAME)).open.actors === 0;
      await cluster.until("nothing is in flight", isIdle, DEADLINE_MS);
      await cluster.ferry(["campaign", "resume", NAME]);
    }
  });
});
