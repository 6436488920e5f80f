import { assertFormatError, FormatError } from "../../formats/format-error.ts";
import type { Store } from "../../store/store.ts";
import { isOver, type Campaign } from "../campaign.ts";
import { limitsMark } from "../limits.ts";
import { readCounts, type CampaignCounts } from "../campaign-counts.ts";
import { applyVerdict, breakerVerdict, endVerdict, type FeederVerdict } from "../campaign-end.ts";
import { listCampaigns } from "../campaign-store.ts";
import { FeedPace, spentBytesOf } from "./feed-pace.ts";
import type { FeedQueue } from "./feed-queue.ts";
import { CampaignRoom, type FleetRoom } from "./feed-room.ts";
import { FEED_BATCH, returnActors } from "./feed.ts";
import type { CountedCampaign, FeederObserver } from "./feeder-observer.ts";
import { readFleetLimits, type FleetLimits } from "../fleet/fleet-limits.ts";
import { readWorkers } from "../fleet/heartbeats.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import { lostJobs } from "./lost-jobs.ts";
import { isScanning } from "../actors/scan-round.ts";
import { writeSample } from "../progress/samples.ts";
import { TurnQueue } from "./turn-queue.ts";
import { WindowFeed } from "./window-feed.ts";
import { withdrawWaiting } from "./withdraw-waiting.ts";

/** How long a round scans and feeds, divided by the campaigns that are fed: the others wait meanwhile. */
const FILL_MS = 2_000;
/** How often lost jobs are looked for. */
const RECOVER_EVERY_MS = 10_000;
const SAMPLE_EVERY_MS = 10_000;
/** Campaigns that are counted in one transaction. */
const COUNTED_AT_ONCE = 50;
/** How often one that is over is counted: only what an operator has done about its actors changes it. */
const COUNT_OVER_EVERY_MS = 10_000;

export interface FeederTermParts {
  readonly store: Store;
  readonly queue: FeedQueue;
  readonly observer: FeederObserver;
  readonly now: () => number;
  readonly lease: LeaseKeeper;
}

/** Per campaign, what need not survive the feeder. */
interface Service {
  readonly pace: FeedPace;
  /** The limits that what waits on the queue was fed under, see `limitsMark`. */
  limits: string | undefined;
  recoverAtMs: number;
  sampleAtMs: number;
  /** Of one that is over, what was counted last, and until when that will do. */
  over: { readonly counts: CampaignCounts; readonly untilMs: number } | undefined;
}

/** A campaign in one round. */
interface Served extends CountedCampaign {
  readonly name: string;
}

/**
 * What a feeder does and remembers from getting the lease to losing it. A new term remembers nothing: what another feeder fed meanwhile
 * is not known here, so lost jobs are looked for at once.
 */
export class FeederTerm {
  readonly #parts: FeederTermParts;
  readonly #services = new Map<string, Service>();
  readonly #queue: TurnQueue;
  readonly #window: WindowFeed;
  readonly #fleetPace = new FeedPace();

  constructor(parts: FeederTermParts) {
    this.#parts = parts;
    this.#queue = new TurnQueue(parts.queue);
    this.#window = new WindowFeed({ ...parts, queue: this.#queue });
  }

  /** One round over all campaigns. @returns whether there is more to do at once. */
  async round(): Promise<boolean> {
    const { store, now } = this.#parts;
    const { limits, slots } = await store.transact(
      async (tx) => {
        const workers = await readWorkers(tx, now());
        const known = workers.reduce((sum, { concurrency }) => sum + concurrency, 0);
        return { limits: await readFleetLimits(tx, now()), slots: known };
      },
      { label: "fleet" },
    );
    const all = await this.#withdrawUnderNewLimits(await this.#readCampaigns(), limits);
    const hungry = all.filter(isHungry);
    const fleet: FleetRoom = {
      limits,
      pace: this.#fleetPace,
      open: {
        actors: all.reduce((sum, { counts }) => sum + counts.open.actors, 0),
        bytes: all.reduce((sum, { counts }) => sum + counts.open.bytes, 0),
      },
      slots,
      sharers: Math.max(1, hungry.length),
    };
    this.#fleetPace.settle(all.reduce((sum, { counts }) => sum + spentBytesOf(counts), 0));
    const fillMs = FILL_MS / fleet.sharers;
    let busy = false;
    for (const served of [...this.#queue.sorted(hungry), ...all.filter((one) => !isHungry(one))]) {
      if (["running", "draining", "paused"].includes(served.campaign.state)) {
        const isBusy = await this.#apart(served.name, false, () => this.#serve(served, fleet, now() + fillMs));
        busy = isBusy || busy;
      }
    }
    return busy;
  }

  /** Reads all campaigns, many in a transaction: one after the other, thousands would take seconds of every round. */
  async #readCampaigns(): Promise<Served[]> {
    const { store, observer, lease } = this.#parts;
    const campaigns = await listCampaigns(store);
    const all: Served[] = [];
    for (let start = 0; start < campaigns.length; start += COUNTED_AT_ONCE) {
      all.push(...(await this.#count(campaigns.slice(start, start + COUNTED_AT_ONCE))));
      await lease.keep();
    }
    this.#forget(all);
    observer.counted(all);
    return all;
  }

  async #count(campaigns: readonly Campaign[]): Promise<Served[]> {
    const { store, now } = this.#parts;
    const counted = await store.transact(
      async (tx) =>
        Promise.all(
          campaigns.map(async (campaign) => {
            const { name } = campaign;
            return { name, campaign, counts: this.#known(campaign) ?? (await readCounts(tx, name)) };
          }),
        ),
      { label: "campaign" },
    );
    for (const { name, campaign, counts } of counted.filter((one) => isOver(one.campaign))) {
      if (this.#known(campaign) === undefined) {
        this.#serviceOf(name).over = { counts, untilMs: now() + COUNT_OVER_EVERY_MS };
      }
    }
    return counted;
  }

  /** The counts of a campaign that is over, where they need not be read again. */
  #known(campaign: Campaign): CampaignCounts | undefined {
    const { over } = this.#serviceOf(campaign.name);
    return isOver(campaign) && over !== undefined && this.#parts.now() < over.untilMs ? over.counts : undefined;
  }

  /** @returns whether there is more to do at once. */
  async #serve(served: Served, fleet: FleetRoom, untilMs: number): Promise<boolean> {
    const { campaign, counts } = served;
    const { pace } = this.#serviceOf(campaign.name);
    pace.settle(spentBytesOf(counts));
    if (campaign.state !== "running") {
      await this.#recoverWhenDue(served);
      await this.#change(campaign, endVerdict(campaign, counts));
      return false;
    }
    await this.#sampleWhenDue(served);
    const broken = breakerVerdict(campaign, counts);
    if (broken !== undefined) {
      await this.#change(campaign, broken);
      return false;
    }
    const room = new CampaignRoom(campaign, pace, fleet, this.#parts.now());
    // Side by side: looking for lost jobs takes seconds on a busy machine, in which workers empty the window.
    const feeding = this.#window.fill(campaign, counts, { room, untilMs });
    const recovering = this.#recoverWhenDue(served);
    await Promise.allSettled([feeding, recovering]);
    await recovering;
    const { fed, scanned } = await feeding;
    fleet.sharers = Math.max(1, fleet.sharers - 1);
    if (fed === 0) {
      await this.#change(campaign, endVerdict(campaign, counts));
    }
    return !scanned || fed >= FEED_BATCH;
  }

  /**
   * Where limits are in force and were not, or were others, takes back what waits on the queue: it was fed for another pace, and hours of
   * work may lie there. What is fed from here on keeps to them. Of all campaigns before any is fed, as they share the fleet's limits.
   * @returns the campaigns as they stand then.
   */
  async #withdrawUnderNewLimits(all: readonly Served[], fleet: FleetLimits): Promise<Served[]> {
    const { store, now, observer, lease } = this.#parts;
    const parts = { store, queue: this.#queue, now, keepLease: () => lease.keep() };
    const kept: Served[] = [];
    for (const served of all) {
      const { campaign, name, counts } = served;
      const service = this.#serviceOf(name);
      const limits = limitsMark(campaign, fleet, now());
      const isDue = limits !== undefined && limits !== service.limits && campaign.state === "running";
      const withdrawn =
        isDue && counts.open.actors > 0 ? await this.#apart(name, 0, () => withdrawWaiting(parts, name)) : 0;
      service.limits = campaign.state === "running" ? limits : service.limits;
      if (withdrawn > 0) {
        observer.withdrawn(name, withdrawn);
      }
      kept.push(withdrawn === 0 ? served : { ...served, counts: await this.#readCounts(name) });
    }
    return kept;
  }

  /** Does what is about one campaign. A row of it that cannot be read is told of, with each round, and the others go on. */
  async #apart<T>(campaign: string, otherwise: T, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      assertFormatError(error);
      const message = "A row of a campaign cannot be read; the other campaigns go on.";
      this.#parts.observer.failed(new FormatError("campaign_unreadable", message, { campaign }, error));
      return otherwise;
    }
  }

  async #readCounts(name: string): Promise<CampaignCounts> {
    return this.#parts.store.transact(async (tx) => readCounts(tx, name), { label: "campaign" });
  }

  /** Feeds open actors again whose job is gone; where nothing is to run, or limits say how much, puts them back. */
  async #recoverWhenDue({ campaign, counts }: Served): Promise<void> {
    const { store, queue, now, observer, lease } = this.#parts;
    const service = this.#serviceOf(campaign.name);
    if (now() < service.recoverAtMs) {
      return;
    }
    for await (const lost of lostJobs(store, queue, campaign.name, now)) {
      if (lost.length > 0) {
        if (campaign.state === "running" && service.limits === undefined) {
          await this.#queue.put(campaign, lost, counts.open.actors - lost.length);
        } else {
          await returnActors(store, campaign.name, lost, now());
        }
        observer.recovered(campaign.name, lost.length);
      }
      await lease.keep();
    }
    service.recoverAtMs = now() + RECOVER_EVERY_MS;
  }

  async #sampleWhenDue({ campaign, counts }: Served): Promise<void> {
    const { store, now } = this.#parts;
    const service = this.#serviceOf(campaign.name);
    if (now() >= service.sampleAtMs) {
      await store.transact(
        (tx) => {
          writeSample(tx, campaign.name, counts, now());
          return Promise.resolve();
        },
        { label: "campaign_sample" },
      );
      service.sampleAtMs = now() + SAMPLE_EVERY_MS;
    }
  }

  async #change(campaign: Campaign, verdict: FeederVerdict | undefined): Promise<void> {
    const { store, now, observer, lease } = this.#parts;
    if (verdict === undefined) {
      return;
    }
    const changed = await applyVerdict(store, campaign, verdict, { guard: lease.guard, nowMs: now() });
    if (changed !== undefined) {
      observer.stateChanged(changed);
    }
  }

  /** What was remembered of campaigns that are gone: one that is created under the same name has another pace. */
  #forget(all: readonly Served[]): void {
    const names = new Set(all.map(({ name }) => name));
    for (const name of [...this.#services.keys()].filter((known) => !names.has(known))) {
      this.#services.delete(name);
    }
  }

  #serviceOf(name: string): Service {
    const service = this.#services.get(name) ?? {
      pace: new FeedPace(),
      limits: undefined,
      recoverAtMs: 0,
      sampleAtMs: 0,
      over: undefined,
    };
    this.#services.set(name, service);
    return service;
  }
}

/** Whether there is something to feed of a campaign, or will be. */
function isHungry({ campaign, counts }: Served): boolean {
  return campaign.state === "running" && (isScanning(campaign) || counts.todo.actors + counts.later.actors > 0);
}
