import { expect } from "chai";
import { returnActors } from "../../src/campaign/feeder/feed.ts";
import { readFeederLease } from "../../src/campaign/feeder/feeder-lease.ts";
import { openStore } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import {
  actorIds,
  makeFeeder,
  MemoryQueue,
  MIGRATED,
  TestClock,
  work,
  writeSizes,
  type Finding,
} from "./campaign-fleet.ts";
import { ferryHere, type Ended } from "./cli.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The actors that `seed` writes. */
export const IDS = actorIds(12);

/** `ferry campaign …` on a store of each test's own, with feeders and workers in memory. */
export interface CampaignCommands {
  readonly folder: ReturnType<typeof temporaryFolder>;
  readonly run: (args: readonly string[], input?: string) => Promise<Ended>;
  readonly campaign: (...args: string[]) => Promise<Ended>;
  /** What `ferry --json campaign` says in one line, and its exit status. */
  readonly json: (...args: string[]) => Promise<Record<string, unknown>>;
  /** Writes the sizes of `IDS`. */
  readonly seed: () => Promise<void>;
  /** A feeder that feeds once, and ends. */
  readonly feedOnce: () => Promise<void>;
  /** What workers do with jobs of a campaign that is being cancelled. */
  readonly handBack: (name: string) => Promise<void>;
  /** Feeds and works until nothing moves any more, as feeder and workers do. */
  readonly runToEnd: (find?: Finding) => Promise<void>;
}

/** Gives each test of the enclosing suite an empty store to command campaigns on; call it in `describe`. */
export function campaignCommands(): CampaignCommands {
  const folder = temporaryFolder();
  const run = (args: readonly string[], input = ""): Promise<Ended> =>
    ferryHere(["--store", folder.store, ...args], { env: { FERRY_USER: "ann" }, input });
  const onStore = async (use: (store: Store) => Promise<void>): Promise<void> => {
    const store = await openStore(folder.store);
    try {
      await use(store);
    } finally {
      await store.close();
    }
  };
  beforeEach(async () => {
    await run(["store", "load", "-"]);
  });
  return {
    folder,
    run,
    campaign: (...args) => run(["campaign", ...args]),
    json: async (...args) => {
      const { stdout, status, stderr } = await run(["--json", "campaign", ...args]);
      expect(stdout, stderr).to.match(/^\{[^\n]*\}\n$/);
      return { ...(JSON.parse(stdout) as object), status };
    },
    seed: () => onStore((store) => writeSizes(store, new Map(IDS.map((id) => [id, 4096])))),
    feedOnce: () =>
      onStore(async (store) => {
        const feeder = makeFeeder({ store, queue: new MemoryQueue(), clock: new TestClock() });
        await feeder.tick();
        await feeder.run(AbortSignal.abort());
      }),
    handBack: (name) => onStore((store) => returnActors(store, name, IDS, Date.now())),
    runToEnd: (find = () => MIGRATED) =>
      onStore(async (store) => {
        const [queue, clock] = [new MemoryQueue(), new TestClock()];
        const feeder = makeFeeder({ store, queue, clock });
        for (let round = 0; round < 5; round += 1) {
          await feeder.tick();
          await work({ store, queue, clock }, find);
          clock.nowMs += 10_000;
        }
        expect(await store.transact(readFeederLease)).not.to.equal(undefined);
      }),
  };
}
