import { campaignLedger } from "../../src/campaign/ledger/campaign-ledger.ts";
import { Feeder } from "../../src/campaign/feeder/feeder.ts";
import type { FeedQueue, FeedRequest } from "../../src/campaign/feeder/feed-queue.ts";
import type { ActorId } from "../../src/formats/actor-id.ts";
import type { Store } from "../../src/store/store.ts";
import { SILENT } from "../../test/support/campaign-fleet.ts";
import type { Bench } from "../bench.ts";
import type { Figure } from "../figure.ts";
import { benchContext, benchIds, migrateOrThrow, mixedImage, startCampaign, writeActors } from "../fixtures.ts";
import { alternate, secondsOf } from "../measure.ts";

const CAMPAIGN = "bench";
const CONCURRENCY = 16;
const WINDOW = 2_000;

/** A whole campaign of one-page actors, from its first scan to its last outcome, with many actors and with few; queue in memory. */
export const campaignSize: Figure = {
  name: "campaign-size",
  run: async (bench) => {
    const [many, few] = bench.full ? [200_000, 2_000] : [8_000, 1_000];
    const { subject, baseline, ratio } = await alternate(
      { subject: () => campaignRate(bench, many), baseline: () => campaignRate(bench, few) },
      bench.full ? { rounds: 3, warmups: 0 } : { rounds: 2, warmups: 0 },
    );
    return [
      {
        figure: `a campaign of ${many} actors`,
        baseline: `one of ${few}`,
        engine: bench.engine,
        unit: "actors/s",
        subject,
        against: baseline,
        value: ratio,
        goal: { atLeast: 0.9 },
        note: bench.full ? "one-page actors" : "one-page actors; 200,000 and 2,000 with --full",
      },
    ];
  },
};

async function campaignRate(bench: Bench, count: number): Promise<number> {
  return bench.withStore(async (store) => {
    await writeActors(store, benchIds(count), mixedImage(1));
    await startCampaign(store, CAMPAIGN, WINDOW);
    return count / (await secondsOf(() => runCampaign(store, count)));
  });
}

async function runCampaign(store: Store, count: number): Promise<void> {
  const queue = new FifoQueue();
  const ended = new AbortController();
  const feeding = new Feeder({
    store,
    queue,
    observer: SILENT,
    now: Date.now,
    token: "bench",
    host: "bench",
    sleep: soon,
  }).run(ended.signal);
  let done = 0;
  const worker = async (): Promise<void> => {
    while (done < count) {
      const id = queue.take();
      if (id === undefined) {
        await soon();
        continue;
      }
      const context = benchContext(store, { ledger: campaignLedger(CAMPAIGN, Date.now) });
      await migrateOrThrow(context, id, { campaign: CAMPAIGN });
      queue.finish(id);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  ended.abort();
  await feeding;
}

/** So that a window that ran empty waits for the feeder's next round, and not for its clock. */
async function soon(): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 2);
  });
}

/** The feeder's queue without Redis: what is measured is what grows with the campaign, and Redis holds a window at a time. */
class FifoQueue implements FeedQueue {
  #waiting: ActorId[] = [];
  #next = 0;
  readonly #open = new Set<ActorId>();

  feed(requests: readonly FeedRequest[]): Promise<void> {
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
    for (const { actorId } of requests) {
      this.#waiting.push(actorId);
      this.#open.add(actorId);
    }
    return Promise.resolve();
  }

  turn(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  rebaseTurns(): Promise<void> {
    return Promise.resolve();
  }

  withdraw(): Promise<ActorId[]> {
    return Promise.resolve([]);
  }

  missing(ids: readonly ActorId[]): Promise<ActorId[]> {
    return Promise.resolve(ids.filter((id) => !this.#open.has(id)));
  }

  take(): ActorId | undefined {
    const id = this.#waiting[this.#next];
    this.#next += id === undefined ? 0 : 1;
    return id;
  }

  finish(id: ActorId): void {
    this.#open.delete(id);
  }
}
