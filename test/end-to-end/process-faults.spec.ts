import { expect } from "chai";
import { CampaignCluster, madeImages } from "../support/campaign-chaos.ts";
import {
  expectAccountedFor,
  expectDepotImages,
  expectMigratedOnce,
  expectStorageImages,
} from "../support/campaign-end.ts";
import { scheduleTroubles, TROUBLES, troublesOn, type Trouble } from "../support/campaign-troubles.ts";
import { POOL_ROW, sleepingActor } from "../support/depot-world.ts";
import { loadRows } from "../support/reference-attempt.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { LONG, runSeconds, SEED } from "../support/run-options.ts";
import { forEachEngine } from "../support/stores.ts";
import { testActor, v1Rows } from "../support/v1-actors.ts";
import { knowPool } from "../migration/depot/prepared.ts";
import { World } from "../support/depot-attempt.ts";

/*
 * A campaign whose processes are killed, stopped for longer than their locks last, and cut off from Redis, while Redis goes away with and
 * without its data and the store's disk fills up, or the cluster is locked. Which trouble comes when is drawn from a seed; each comes when
 * so many actors are done.
 */

const NAME = "faults";
/** Of both targets together, if nothing befell them; what befalls them takes as long again. */
const SECONDS = runSeconds({ short: 14, long: 600 });
const ACTORS_PER_SECOND = 8;
const ACTORS = Math.ceil((SECONDS * ACTORS_PER_SECOND) / 2);
/** A round has each trouble once. */
const ROUNDS = Math.max(1, Math.floor(SECONDS / 60));
const WORKERS = 3;
const DEADLINE_MS = 120_000 + SECONDS * 10_000;

/** Every n-th actor is staged, in several transactions, so that there is always one under way. */
const LARGE_EVERY = 3;
const LARGE_BYTES = 2 * 1024 * 1024;

/** The others are the same to whoever suffers them, or are also in campaign-chaos.spec.ts. */
const SHORT: readonly Trouble[] = [
  "kill worker",
  "kill feeder",
  "stop worker for a while",
  "stop feeder for a while",
  "cut a worker off in silence",
  "break a worker's connections",
  "kill redis for a while",
  "kill redis and lose its data",
  "fill the store's disk",
  "lock the cluster for a while",
];
const SHORT_DEPOT: readonly Trouble[] = ["kill worker", "stop worker for a while", "kill redis and lose its data"];
const EVERY = Object.keys(TROUBLES) as Trouble[];

/** What somebody says of troubles: without it they prove nothing. */
const NOTICED = ["queue.redis_lost", "queue.lock_lost", "queue.job_stalled"];

const TARGETS = [
  {
    target: "storage",
    expectImages: expectStorageImages,
    troubles: LONG ? EVERY : SHORT,
    noticed: LONG ? NOTICED : NOTICED.slice(0, 1),
  },
  // Its few troubles come once each, and may find nobody at work.
  {
    target: "depot",
    expectImages: expectDepotImages,
    troubles: LONG ? EVERY : SHORT_DEPOT,
    noticed: LONG ? NOTICED : [],
  },
] as const;

for (const { target, expectImages, troubles, noticed } of TARGETS) {
  describe(`processes at work on ${ACTORS} actors, target ${target}, while everything fails (seed ${SEED})`, function () {
    this.timeout(DEADLINE_MS + 60_000);
    forEachEngine((makeStore, engine) => {
      let cluster: CampaignCluster;

      beforeEach(async () => {
        cluster = await CampaignCluster.start(await makeStore(), {
          FERRY_TARGET: target,
          FERRY_RUNNERS_DRAINED: "yes",
          FERRY_LOCK: "1s",
          FERRY_LEASE: "1s",
          FERRY_DRAIN_TIMEOUT: "5s",
          FERRY_SMALL_BYTES: "64KiB",
        });
      });

      afterEach(async () => {
        await cluster.stop();
      });

      it("end with every actor migrated once, every image right and every count exact", async () => {
        const [small, large] = [madeImages(), madeImages(LARGE_BYTES)];
        const imageOf = (n: number): Uint8Array => (n % LARGE_EVERY === 0 ? large(n) : small(n));
        const actors = Array.from({ length: ACTORS }, (_, n) => testActor(n));
        if (target === "depot") {
          await loadRows(cluster.store, [POOL_ROW, ...actors.flatMap(sleepingActor)]);
          await knowPool(cluster.store, new World());
        }
        for (const [n, actor] of actors.entries()) {
          await loadRows(cluster.store, v1Rows(actor, imageOf(n)));
        }

        // In the order of ids, so that large ones, for which the store has to grow, come all the time.
        const pace = ["--order", "scan", "--window", "50", "--rate", String(ACTORS_PER_SECOND)];
        const list = actors.map(({ id }) => `${id}\n`).join("");
        await cluster.ferry(["campaign", "create", NAME, "--from", "-", ...pace, "--start"], { input: list });
        await Promise.all(Array.from({ length: WORKERS }, () => cluster.run("worker")));
        await Promise.all([cluster.run("feeder"), cluster.run("feeder")]);

        await makeTroubles(new SeededRandom(SEED));
        const isCompleted = async (): Promise<boolean> => {
          await cluster.revive();
          return (await cluster.state(NAME)) === "completed";
        };
        await cluster.until("it completes", isCompleted, DEADLINE_MS);
        for (const child of [...cluster.running("worker"), ...cluster.running("feeder")]) {
          await cluster.end(child, "SIGTERM");
        }

        await expectAccountedFor(cluster, NAME, {
          actors: ACTORS,
          bytes: sum(actors.map((_, n) => imageOf(n).length)),
        });
        await cluster.ferry(["verify", "--campaign", NAME, "--check", "quick"]);
        await expectImages(cluster.store, actors, imageOf);
        await expectMigratedOnce(cluster, NAME, actors);
        for (const event of noticed) {
          expect(cluster.heard.events.get(event) ?? 0, event).to.be.above(0);
        }
      });

      async function makeTroubles(random: SeededRandom): Promise<void> {
        const lasting: Promise<void>[] = [];
        try {
          const campaign = { actors: ACTORS, rounds: ROUNDS };
          for (const { trouble, at } of scheduleTroubles(troublesOn(engine, troubles), campaign, random)) {
            const isTime = async (): Promise<boolean> => {
              await cluster.revive();
              return (await cluster.finished(NAME)) >= at;
            };
            await cluster.until(`${at} actors are done, for "${trouble}"`, isTime, DEADLINE_MS);
            const making = TROUBLES[trouble](cluster, random);
            if (trouble.includes("worker")) {
              // The others go on, and more comes over them meanwhile.
              lasting.push(making);
              making.catch(() => undefined);
            } else {
              await making;
            }
          }
        } finally {
          // What still lasts would start processes that nobody ends.
          await Promise.allSettled(lasting);
        }
        await Promise.all(lasting);
      }
    });
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
