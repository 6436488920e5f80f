import { auditCampaign, type Difference } from "../../src/campaign/audit.ts";
import { readCounts, type CampaignCounts } from "../../src/campaign/campaign-counts.ts";
import { createCampaign } from "../../src/campaign/create-campaign.ts";
import type { Author } from "../../src/campaign/campaign-history.ts";
import {
  applyVerb,
  changeSettings,
  type SettingsPatch,
  type Verb,
  type VerbResult,
} from "../../src/campaign/campaign-verbs.ts";
import type { Campaign, CampaignSettings, CampaignSpec } from "../../src/campaign/campaign.ts";
import { takeActors, type FedActor } from "../../src/campaign/feeder/feed.ts";
import type { FeedRequest } from "../../src/campaign/feeder/feed-queue.ts";
import type { FeederObserver } from "../../src/campaign/feeder/feeder-observer.ts";
import type { Feeder } from "../../src/campaign/feeder/feeder.ts";
import { changeFleetLimits, type FleetPatch } from "../../src/campaign/fleet/fleet-limits.ts";
import { addActors, finishScan } from "../../src/campaign/actors/membership.ts";
import type { ActorId } from "../../src/formats/actor-id.ts";
import type { Store } from "../../src/store/store.ts";
import {
  actorIds,
  campaignOf,
  makeFeeder,
  MemoryQueue,
  MIGRATED,
  recordVerdict,
  TEST_SPEC,
  TestClock,
  work,
  writeSizes,
  type Finding,
} from "./campaign-fleet.ts";

/** Who does what an operator does. */
export const OPERATOR: Author = { who: "test" };

/** What a campaign of a test begins with; what is left out is as `TEST_SPEC` has it. */
export interface CampaignStart {
  readonly spec?: Partial<CampaignSpec>;
  /** Default: a window of 10. */
  readonly settings?: Partial<CampaignSettings>;
  /** The whole list of a campaign that has one; without it the campaign is of a scan. */
  readonly ids?: readonly ActorId[];
  readonly author?: Author;
  /** Default: 1. */
  readonly atMs?: number;
}

/** Creates a campaign and starts it. */
export async function startCampaign(store: Store, name: string, start: CampaignStart = {}): Promise<void> {
  const { ids, author = OPERATOR, atMs = 1 } = start;
  const source = ids === undefined ? TEST_SPEC.source : ({ kind: "list" } as const);
  const spec = { ...TEST_SPEC, source, ...start.spec };
  await createCampaign(store, { name, spec, settings: { window: 10, ...start.settings } }, author, atMs);
  if (ids !== undefined) {
    await addActors(store, name, ids);
    await finishScan(store, name);
  }
  await applyVerb(store, name, "start", { author, nowMs: atMs });
}

/** Has a campaign's actors fed, all that wait and are due or the first of them, without a queue. */
export async function feedAll(store: Store, name: string, nowMs: number, actors = 1_000): Promise<FedActor[]> {
  const limit = { actors, bytes: 1e9 };
  return takeActors(store, await campaignOf(store, name), { limit, guard: () => Promise.resolve(), nowMs });
}

/** Campaigns on a store, with a queue in memory and a clock that tests move; fed and worked on step by step. */
export class CampaignScene {
  readonly store: Store;
  readonly clock = new TestClock();
  queue = new MemoryQueue();

  constructor(store: Store) {
    this.store = store;
  }

  /** Writes sizes of so many actors, by default of 4 KiB. */
  async seed(count: number, sizeOf: (index: number) => number = () => 4096, label = 1): Promise<ActorId[]> {
    const ids = actorIds(count, label);
    await writeSizes(this.store, new Map(ids.map((id, index) => [id, sizeOf(index)])));
    return ids;
  }

  async start(name: string, start: CampaignStart = {}): Promise<void> {
    await startCampaign(this.store, name, { atMs: this.clock.now(), ...start });
  }

  async apply(name: string, verb: Verb, author = OPERATOR): Promise<VerbResult> {
    return applyVerb(this.store, name, verb, { author, nowMs: this.clock.now() });
  }

  async change(name: string, patch: SettingsPatch): Promise<void> {
    await changeSettings(this.store, name, patch, { author: OPERATOR, nowMs: this.clock.now() });
  }

  async limitFleet(patch: FleetPatch): Promise<void> {
    await changeFleetLimits(this.store, patch, OPERATOR, this.clock.now());
  }

  feeder(token?: string, observer?: Partial<FeederObserver>): Feeder {
    return makeFeeder(this, token, observer);
  }

  /** Runs waiting jobs, at most `limit`. @returns how many */
  async work(find: Finding, limit?: number): Promise<number> {
    return work(this, find, limit);
  }

  /** Runs waiting jobs, at most `limit`, each of which migrates its actor. @returns how many */
  async migrate(limit?: number): Promise<number> {
    return this.work(() => MIGRATED, limit);
  }

  /** Feeds and works, a second a round, until the campaign no longer runs. */
  async runToEnd(name: string, find: Finding = () => MIGRATED): Promise<void> {
    const feeder = this.feeder();
    for (let round = 0; round < 1000; round += 1) {
      await feeder.tick();
      await this.work(find);
      this.clock.nowMs += 1000;
      if ((await this.campaign(name)).state !== "running") {
        return;
      }
    }
    throw new Error("the campaign did not end");
  }

  async campaign(name: string): Promise<Campaign> {
    return campaignOf(this.store, name);
  }

  async counts(name: string): Promise<CampaignCounts> {
    return this.store.transact(async (tx) => readCounts(tx, name));
  }

  /** Actors in flight. */
  async open(name: string): Promise<number> {
    return (await this.counts(name)).open.actors;
  }

  /** Actors migrated. */
  async migrated(name: string): Promise<number> {
    return (await this.counts(name)).done.migrated.actors;
  }

  /** Where a recount differs from what was counted along. */
  async differences(name: string): Promise<readonly Difference[]> {
    return (await auditCampaign(this.store, name)).differences;
  }
}

/** A queue whose actors are migrated as soon as they are on it. */
export class WorkedQueue extends MemoryQueue {
  readonly #scene: CampaignScene;

  constructor(scene: CampaignScene) {
    super();
    this.#scene = scene;
  }

  override async feed(requests: readonly FeedRequest[]): Promise<void> {
    await super.feed(requests);
    await this.#scene.store.transact(async (tx) => {
      for (const request of requests) {
        await recordVerdict(tx, request, MIGRATED, this.#scene.clock);
      }
    });
  }
}
