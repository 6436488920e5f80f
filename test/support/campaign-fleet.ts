import { setImmediate } from "node:timers/promises";
import { makeActorId, type ActorId } from "../../src/formats/actor-id.ts";
import { actorKvSubspace, chunkRowKey, encodeEntryMetadata, metadataRowKey } from "../../src/formats/actor-kv.ts";
import { encodeFileMetadata, FILE_TAG, fileMetadataKey } from "../../src/formats/v1-file.ts";
import { campaignLedger } from "../../src/campaign/ledger/campaign-ledger.ts";
import { type Campaign, type CampaignSpec, DEFAULT_BREAKER } from "../../src/campaign/campaign.ts";
import { returnActors } from "../../src/campaign/feeder/feed.ts";
import { Feeder } from "../../src/campaign/feeder/feeder.ts";
import type { FeederObserver } from "../../src/campaign/feeder/feeder-observer.ts";
import type { FeedQueue, FeedRequest } from "../../src/campaign/feeder/feed-queue.ts";
import { findCampaign } from "../../src/campaign/campaign-store.ts";
import { outcomeOf } from "../../src/migration/verdict.ts";
import type { Verdict } from "../../src/migration/outcome.ts";
import type { Store, Transaction } from "../../src/store/store.ts";

/** A queue in memory that behaves as the real one towards the feeder, and can forget everything. */
export class MemoryQueue implements FeedQueue {
  readonly jobs = new Map<ActorId, FeedRequest>();
  fed = 0;
  largest = 0;
  lastTurn: number | undefined;

  feed(requests: readonly FeedRequest[]): Promise<void> {
    for (const request of requests) {
      this.jobs.set(request.actorId, request);
      this.fed += 1;
      this.lastTurn = Math.max(this.lastTurn ?? 0, request.turn);
    }
    this.largest = Math.max(this.largest, this.jobs.size);
    return Promise.resolve();
  }

  turn(): Promise<number | undefined> {
    const turns = [...this.jobs.values()].map(({ turn }) => turn);
    return Promise.resolve(turns.length === 0 ? this.lastTurn : Math.min(...turns));
  }

  rebaseTurns(by: number): Promise<void> {
    for (const [id, request] of this.jobs) {
      this.jobs.set(id, { ...request, turn: request.turn - by });
    }
    this.lastTurn = (this.lastTurn ?? by + 1) - by;
    return Promise.resolve();
  }

  missing(ids: readonly ActorId[]): Promise<ActorId[]> {
    return Promise.resolve(ids.filter((id) => !this.jobs.has(id)));
  }

  withdraw(campaign: string, ids: readonly ActorId[]): Promise<ActorId[]> {
    const waiting = ids.filter((id) => this.jobs.get(id)?.campaign === campaign);
    waiting.forEach((id) => this.jobs.delete(id));
    return Promise.resolve(waiting);
  }

  /** Takes the job with the lowest turn, as a worker would. */
  take(): FeedRequest | undefined {
    const [first] = [...this.jobs.values()].sort((a, b) => a.turn - b.turn);
    if (first !== undefined) {
      this.jobs.delete(first.actorId);
    }
    return first;
  }

  flush(): void {
    this.jobs.clear();
    this.lastTurn = undefined;
  }
}

/** A clock that tests move. */
export class TestClock {
  nowMs = 1_800_000_000_000;
  readonly now = (): number => this.nowMs;
}

/** What a simulated worker finds for an actor. */
export type Finding = (id: ActorId) => Verdict;

/** What campaigns of tests are of, but for what a test is about: a scan, small actors first. */
export const TEST_SPEC: CampaignSpec = {
  source: { kind: "scan" },
  filters: {},
  order: "small-first",
  options: {},
  deferLimit: 3,
  breaker: DEFAULT_BREAKER,
};

export const MIGRATED: Verdict = {
  state: "migrated",
  layout: "shards",
  image: { pages: 1, bytes: 4096, sha256: "00".repeat(32) },
  verified: true,
};

/** Runs waiting jobs as workers do, with `find` in place of a migration; at most `limit`. */
export async function work(
  fleet: { store: Store; queue: MemoryQueue; clock: TestClock },
  find: Finding,
  limit = Number.MAX_SAFE_INTEGER,
): Promise<number> {
  const { store, queue, clock } = fleet;
  let done = 0;
  for (; done < limit; done += 1) {
    const job = queue.take();
    if (job === undefined) {
      return done;
    }
    const { actorId, campaign } = job;
    const state = await store.transact(async (tx) => (await findCampaign(tx, campaign))?.state);
    if (state !== "running") {
      await returnActors(store, campaign, [actorId], clock.now());
      continue;
    }
    await store.transact(async (tx) => {
      await recordVerdict(tx, job, find(actorId), clock);
    });
  }
  return done;
}

/** Records what a job of a campaign found, as a worker does. */
export async function recordVerdict(
  tx: Transaction,
  { actorId, campaign }: Pick<FeedRequest, "actorId" | "campaign">,
  verdict: Verdict,
  clock: TestClock,
): Promise<void> {
  const ledger = campaignLedger(campaign, clock.now);
  const previous = await ledger.read(tx, actorId);
  ledger.write(tx, outcomeOf(actorId, verdict, { previous, finishedAtMs: clock.now(), campaign }), previous);
}

const ignore = (): void => undefined;

/** Looks at nothing but failures, which it throws. */
export const SILENT: FeederObserver = {
  leading: ignore,
  fed: ignore,
  recovered: ignore,
  withdrawn: ignore,
  stateChanged: ignore,
  counted: ignore,
  failed: (error) => {
    throw error;
  },
};

/** A feeder over a queue in memory and a clock that tests move. */
export function makeFeeder(
  fleet: { store: Store; queue: FeedQueue; clock: TestClock },
  token = "feeder-1",
  observer: Partial<FeederObserver> = {},
): Feeder {
  return new Feeder({
    store: fleet.store,
    queue: fleet.queue,
    now: fleet.clock.now,
    token,
    host: "test",
    sleep: async () => setImmediate(),
    observer: { ...SILENT, ...observer },
  });
}

/** Ids that are the same at every run; their first bytes, which order them, and their last, which samples go by, are spread. */
export function actorIds(count: number, label = 1): ActorId[] {
  return Array.from({ length: count }, (_, index) => {
    const random = Buffer.alloc(16);
    random.writeUInt32BE(Math.imul(index + 1, 2_654_435_761) >>> 0, 0);
    random.writeUInt32BE(Math.imul(index + 1, 2_246_822_519) >>> 0, 12);
    return makeActorId(random, label);
  });
}

/** Gives actors v1 metadata that says how large their file is: enough for whatever only looks at sizes. */
export async function writeSizes(store: Store, sizes: ReadonlyMap<ActorId, number>): Promise<void> {
  const entries = [...sizes];
  const metadata = encodeEntryMetadata({ version: new Uint8Array([1]), updateTs: 0n });
  for (let start = 0; start < entries.length; start += 1000) {
    await store.transact((tx) => {
      for (const [id, bytes] of entries.slice(start, start + 1000)) {
        const subspace = actorKvSubspace(id);
        const key = fileMetadataKey(FILE_TAG.main);
        tx.set(chunkRowKey(subspace, key, 0), encodeFileMetadata(BigInt(bytes)));
        tx.set(metadataRowKey(subspace, key), metadata);
      }
      return Promise.resolve();
    });
  }
}

export async function campaignOf(store: Store, name: string): Promise<Campaign> {
  const campaign = await store.transact(async (tx) => findCampaign(tx, name));
  if (campaign === undefined) {
    throw new Error(`no campaign ${name}`);
  }
  return campaign;
}
