import { expect } from "chai";
import { campaignFeedQueue } from "../../src/queue/campaign-feed-queue.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import { openStore } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { makeFeeder, TestClock } from "./campaign-fleet.ts";
import { ferryHere, type Ended } from "./cli.ts";
import { pointerOf } from "./depot-reference.ts";
import { dumpRows, NAMESPACE_ID } from "./depot-world.ts";
import { TestRedis } from "./redis.ts";
import { formatRows } from "./row-lines.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { sqliteImageOfPages } from "./v1-actors-sqlite.ts";
import { testActor, v1Rows, type Row } from "./v1-actors.ts";

/** What v1 has of each actor. */
export const IMAGE = sqliteImageOfPages(3);
/** Actors that no engine knows: their namespace can only come from the job. */
export const ACTORS = [1, 2].map(testActor);
/** Their ids. */
export const [FIRST = "", SECOND = ""] = ACTORS.map(({ id }) => id);
/** Not hot: with `--journal rollback` the actor migrates. */
export const JOURNAL = new Uint8Array(512);
/** Flags that ask for Depot, and say where. */
export const DEPOT = ["--target", "depot", "--namespace", NAMESPACE_ID];

/** Commands on a store and a Redis of each test's own, in which actors can be migrated to either form of v2. */
export interface TargetCommands {
  readonly folder: ReturnType<typeof temporaryFolder>;
  readonly ferry: (
    args: readonly string[],
    options?: { input?: string; env?: Record<string, string> },
  ) => Promise<Ended>;
  readonly load: (rows: readonly Row[]) => Promise<void>;
  readonly work: (...args: string[]) => Promise<Ended>;
  /** Feeds every campaign, and has a worker work that knows of no target, but for these flags. */
  readonly runCampaigns: (...flags: string[]) => Promise<void>;
  /** What the ledger says of each actor. */
  readonly outcomes: () => Promise<string[]>;
  /** How many actors Depot has. */
  readonly pointers: () => Promise<number>;
  readonly onStore: <T>(use: (store: Store) => Promise<T>) => Promise<T>;
}

/** Gives each test of the enclosing suite a store with `ACTORS` in v1, and a Redis; call it in `describe`. */
export function targetCommands(): TargetCommands {
  const folder = temporaryFolder();
  let redis: TestRedis;
  const ferry: TargetCommands["ferry"] = (args, options = {}) => {
    const env = { FERRY_STORE: folder.store, FERRY_REDIS_URL: redis.url, FERRY_METRICS_PORT: "off", ...options.env };
    return ferryHere(args, { env, input: options.input ?? "" });
  };
  const load = async (rows: readonly Row[]): Promise<void> => {
    expect((await ferry(["store", "load", "-"], { input: formatRows(rows) })).status).to.equal(0);
  };
  const work = (...args: string[]): Promise<Ended> => ferry(["worker", "--drain", ...args]);
  const onStore: TargetCommands["onStore"] = async (use) => {
    const store = await openStore(folder.store);
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  };
  beforeEach(async () => {
    redis = await TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] });
    await load(ACTORS.flatMap((actor) => v1Rows(actor, IMAGE)));
  });
  afterEach(async () => {
    await redis.stop();
  });
  return {
    folder,
    ferry,
    load,
    work,
    onStore,
    runCampaigns: (...flags) =>
      onStore(async (store) => {
        const queue = await MigrationQueue.open({ url: redis.url, prefix: "ferry" });
        const clock = new TestClock();
        clock.nowMs = Date.now();
        await makeFeeder({ store, queue: campaignFeedQueue(queue), clock }).tick();
        await work(...flags);
        await queue.close();
      }),
    outcomes: async () => {
      const { stdout } = await ferry(["outcomes", "--json"]);
      return stdout.split("\n").flatMap((line) => {
        const { state, reason } = JSON.parse(line === "" ? "{}" : line) as { state?: string; reason?: string };
        return state === undefined ? [] : [reason === undefined ? state : `${state} ${reason}`];
      });
    },
    pointers: async () => {
      const rows = await onStore((store) => dumpRows(store));
      return ACTORS.filter((actor) => pointerOf(rows, actor) !== undefined).length;
    },
  };
}
