import type { ActorId } from "../formats/actor-id.ts";
import type { Store, Transaction } from "../store/store.ts";
import { ratesInForce, type Campaign } from "./campaign.ts";
import { readCounts, type CampaignCounts } from "./campaign-counts.ts";
import { applyVerdict, breakerVerdict, endVerdict, type FeederVerdict } from "./campaign-end.ts";
import { listCampaigns } from "./campaign-store.ts";
import { FairOrder } from "./fair-order.ts";
import { FeedPace, spentBytesOf } from "./feed-pace.ts";
import type { FeedQueue } from "./feed-queue.ts";
import { FEED_BATCH, returnActor, takeActors } from "./feed.ts";
import { assertFeeder, dropFeederLease, FeederReplacedError, holdFeederLease } from "./feeder-lease.ts";
import { readFleetLimits, type FleetLimits } from "./fleet.ts";
import { lostJobs } from "./lost-jobs.ts";
import { scanRound } from "./membership.ts";
import { writeSample } from "./samples.ts";

/*
 * The feeder moves actors of running campaigns onto the queue, a window at a time. Everything it knows is in the store:
 *
 *   tick      every TICK_MS, while it holds the feeder's lease: for each campaign scan on, feed up to the window, find lost jobs
 *             again, judge the circuit breaker, complete or cancel what is over. Without the lease it only tries to get it.
 *   feed      first a transaction that records the actors as open, then the queue. A feeder that dies between the two, or a Redis
 *             that forgets, leaves open actors without a job: `recover` asks the queue for each and feeds it again.
 *   order     turn by turn between campaigns, see fair-order.ts; who has had the fewest turns is served first, and what limits of the
 *             fleet leave is shared among those that can use it.
 *   takeover  every transaction checks the lease with a conflict, so of two feeders only one writes.
 *
 * Redis is asked, never believed: what is open is what the store says.
 */

const TICK_MS = 250;
/** How often the lease is renewed within a tick. */
const RENEW_MS = 1_500;
/** Time of one tick that goes into scanning, shared by the campaigns that scan. */
const SCAN_MS = 400;
/** How often lost jobs are looked for. */
const RECOVER_EVERY_MS = 10_000;
const SAMPLE_EVERY_MS = 10_000;
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** Told what the feeder does; must not throw. */
export interface FeederObserver {
  leading(leads: boolean): void;
  fed(campaign: string, actors: number): void;
  recovered(campaign: string, actors: number): void;
  stateChanged(campaign: Campaign): void;
  counted(campaign: Campaign, counts: CampaignCounts): void;
  failed(error: unknown): void;
}

export interface FeederOptions {
  readonly store: Store;
  readonly queue: FeedQueue;
  readonly observer: FeederObserver;
  readonly now: () => number;
  /** Random, one per process. */
  readonly token: string;
  readonly host: string;
  /** Resolves after so many milliseconds, or at once when the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Per campaign, what need not survive the feeder. */
interface Service {
  readonly pace: FeedPace;
  recoverAtMs: number;
  sampleAtMs: number;
}

/** A campaign in one tick. */
interface Served {
  readonly name: string;
  readonly campaign: Campaign;
  readonly counts: CampaignCounts;
}

/** What all campaigns share in one tick. */
interface FleetRoom {
  readonly limits: FleetLimits;
  /** Actors under way, of all campaigns. */
  open: number;
  /** Campaigns still to be fed in this tick, the one at hand included: it may take one part in so many. */
  sharers: number;
  /** Campaigns that share the time for scanning. */
  readonly scanning: number;
}

export class Feeder {
  readonly #options: FeederOptions;
  readonly #services = new Map<string, Service>();
  #order = new FairOrder();
  #fleetPace = new FeedPace();
  #leads = false;
  #renewAtMs = 0;

  constructor(options: FeederOptions) {
    this.#options = options;
  }

  /** Feeds until the signal fires; errors are reported and the next tick tries again. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, observer, sleep, token } = this.#options;
    while (!signal.aborted) {
      try {
        const busy = await this.tick();
        if (!busy) {
          await sleep(TICK_MS, signal);
        }
      } catch (error) {
        this.#setLeads(false);
        if (!(error instanceof FeederReplacedError)) {
          observer.failed(error);
        }
        await sleep(TICK_MS, signal);
      }
    }
    if (this.#leads) {
      await dropFeederLease(store, token);
      this.#setLeads(false);
    }
  }

  /** One round over all campaigns. @returns whether there is more to do at once. */
  async tick(): Promise<boolean> {
    const { store, now, token, host } = this.#options;
    this.#setLeads(await holdFeederLease(store, { token, host }, now()));
    this.#renewAtMs = now() + RENEW_MS;
    if (!this.#leads) {
      return false;
    }
    const all = await this.#readCampaigns();
    const hungry = all.filter(isHungry);
    const fleet: FleetRoom = {
      limits: await store.transact(async (tx) => readFleetLimits(tx, now()), { label: "fleet" }),
      open: all.reduce((sum, { counts }) => sum + counts.open.actors, 0),
      sharers: Math.max(1, hungry.length),
      scanning: hungry.filter(({ campaign }) => isScanning(campaign)).length,
    };
    this.#fleetPace.settle(all.reduce((sum, { counts }) => sum + spentBytesOf(counts), 0));
    let busy = false;
    for (const served of [...this.#order.sorted(hungry), ...all.filter((one) => !isHungry(one))]) {
      if (["running", "draining", "paused"].includes(served.campaign.state)) {
        busy = (await this.#serve(served, fleet)) || busy;
      }
    }
    return busy;
  }

  async #readCampaigns(): Promise<Served[]> {
    const { store, observer } = this.#options;
    const all: Served[] = [];
    for (const campaign of await listCampaigns(store)) {
      const { name } = campaign;
      const counts = await store.transact(async (tx) => readCounts(tx, name), { label: "campaign" });
      observer.counted(campaign, counts);
      all.push({ name, campaign, counts });
    }
    return all;
  }

  /** @returns whether there is more to do at once. */
  async #serve(served: Served, fleet: FleetRoom): Promise<boolean> {
    const { store, now } = this.#options;
    const { campaign, counts } = served;
    const service = this.#serviceOf(campaign.name);
    service.pace.settle(spentBytesOf(counts));
    if (now() >= service.recoverAtMs) {
      await this.#recover(served);
      service.recoverAtMs = now() + RECOVER_EVERY_MS;
    }
    if (campaign.state !== "running") {
      await this.#change(campaign, endVerdict(campaign, counts));
      return false;
    }
    if (now() >= service.sampleAtMs) {
      await writeSample(store, campaign.name, counts, now());
      service.sampleAtMs = now() + SAMPLE_EVERY_MS;
    }
    const broken = breakerVerdict(campaign, counts);
    if (broken !== undefined) {
      await this.#change(campaign, broken);
      return false;
    }
    // Side by side: a window that empties while the scan is busy leaves the workers without work.
    const scanning = this.#scan(campaign, SCAN_MS / Math.max(1, fleet.scanning));
    const feeding = this.#feed(campaign, counts.open.actors, fleet);
    await Promise.allSettled([scanning, feeding]);
    const scanned = await scanning;
    let fed = await feeding;
    if (!campaign.scanFinished) {
      // What the scan has just found.
      fed += await this.#feed(campaign, counts.open.actors + fed, fleet);
    }
    fleet.sharers = Math.max(1, fleet.sharers - 1);
    if (fed === 0) {
      await this.#change(campaign, endVerdict(campaign, counts));
    }
    return !scanned;
  }

  /** Scans for a while. @returns whether the source is exhausted; a list is given at once. */
  async #scan(campaign: Campaign, forMs: number): Promise<boolean> {
    const { store, now } = this.#options;
    const untilMs = now() + forMs;
    let finished = !isScanning(campaign);
    while (!finished && now() < untilMs) {
      finished = await scanRound(store, campaign, this.#guard);
      await this.#keepLease();
    }
    return finished;
  }

  /** Feeds up to the window and the limits. @returns how many. */
  async #feed(campaign: Campaign, openBefore: number, fleet: FleetRoom): Promise<number> {
    const { store, now, observer } = this.#options;
    const { pace } = this.#serviceOf(campaign.name);
    const rates = ratesInForce(campaign, now());
    const shared = this.#fleetPace.room(fleet.limits, now());
    const part = {
      actors: Math.ceil(
        Math.min(shared.actors, (fleet.limits.concurrentActors ?? UNLIMITED) - fleet.open) / fleet.sharers,
      ),
      bytes: shared.bytes / fleet.sharers,
    };
    let fed = { actors: 0, bytes: 0 };
    // One batch goes to the queue while the next is taken.
    let enqueuing: Promise<void> = Promise.resolve();
    for (;;) {
      const open = openBefore + fed.actors;
      const own = pace.room(rates, now());
      const most = Math.min(campaign.settings.window, rates.concurrentActors ?? UNLIMITED) - open;
      const room = {
        actors: Math.floor(Math.min(FEED_BATCH, most, own.actors, part.actors - fed.actors)),
        bytes: Math.min(own.bytes, part.bytes - fed.bytes),
      };
      if (room.actors <= 0 || room.bytes <= 0) {
        break;
      }
      const [taken] = await Promise.all([takeActors(store, campaign.name, room, this.#guard, now()), enqueuing]);
      if (taken.length === 0) {
        break;
      }
      enqueuing = this.#enqueue(
        campaign,
        taken.map(({ id }) => id),
        open,
      );
      // Awaited above or below; until then a failure must not count as one nobody looks at.
      enqueuing.catch(() => undefined);
      const batch = { actors: taken.length, bytes: taken.reduce((sum, { bytes }) => sum + bytes, 0) };
      pace.take(batch);
      this.#fleetPace.take(batch);
      fleet.open += batch.actors;
      fed = { actors: fed.actors + batch.actors, bytes: fed.bytes + batch.bytes };
      observer.fed(campaign.name, batch.actors);
      await this.#keepLease();
    }
    await enqueuing;
    return fed.actors;
  }

  /** Puts actors on the queue. `open`: how many of the campaign are under way besides. */
  async #enqueue(campaign: Campaign, ids: readonly ActorId[], open: number): Promise<void> {
    const { queue } = this.#options;
    this.#order.observe(await queue.turn());
    const by = this.#order.rebaseBy;
    if (by > 0) {
      await queue.rebaseTurns(by);
      this.#order.rebase(by);
    }
    const turnOf = this.#order.take(campaign.name, ids.length, open);
    await queue.feed(
      ids.map((actorId, index) => ({
        actorId,
        campaign: campaign.name,
        options: campaign.spec.options,
        turn: turnOf(index),
      })),
    );
  }

  /** Feeds open actors again whose job is gone; where nothing is to run, puts them back. */
  async #recover({ campaign, counts }: Served): Promise<void> {
    const { store, queue, now, observer } = this.#options;
    for await (const lost of lostJobs(store, queue, campaign.name, now)) {
      if (lost.length > 0) {
        if (campaign.state === "running") {
          await this.#enqueue(campaign, lost, counts.open.actors - lost.length);
        } else {
          await Promise.all(lost.map(async (id) => returnActor(store, campaign.name, id, now())));
        }
        observer.recovered(campaign.name, lost.length);
      }
      await this.#keepLease();
    }
  }

  async #change(campaign: Campaign, verdict: FeederVerdict | undefined): Promise<void> {
    const { store, now, observer } = this.#options;
    if (verdict === undefined) {
      return;
    }
    const changed = await applyVerdict(store, campaign.name, verdict, { guard: this.#guard, nowMs: now() });
    if (changed !== undefined) {
      observer.stateChanged(changed);
    }
  }

  /** Renews the lease within a long round: another feeder takes over from one that is dead, not from one that is busy. */
  async #keepLease(): Promise<void> {
    const { store, now, token, host } = this.#options;
    if (now() < this.#renewAtMs) {
      return;
    }
    this.#renewAtMs = now() + RENEW_MS;
    if (!(await holdFeederLease(store, { token, host }, now()))) {
      throw new FeederReplacedError();
    }
  }

  readonly #guard = async (tx: Transaction): Promise<void> => assertFeeder(tx, this.#options.token);

  #serviceOf(name: string): Service {
    const service = this.#services.get(name) ?? { pace: new FeedPace(), recoverAtMs: 0, sampleAtMs: 0 };
    this.#services.set(name, service);
    return service;
  }

  #setLeads(leads: boolean): void {
    if (leads !== this.#leads) {
      this.#leads = leads;
      // What another feeder fed meanwhile is not known here: look for lost jobs soon.
      this.#services.clear();
      this.#order = new FairOrder();
      this.#fleetPace = new FeedPace();
      this.#options.observer.leading(leads);
    }
  }
}

function isScanning({ spec, scanFinished }: Campaign): boolean {
  return spec.source.kind === "scan" && !scanFinished;
}

/** Whether there is something to feed of a campaign, or will be. */
function isHungry({ campaign, counts }: Served): boolean {
  return campaign.state === "running" && (isScanning(campaign) || counts.todo.actors + counts.later.actors > 0);
}
