import type { ActorId } from "../formats/actor-id.ts";
import type { Store, Transaction } from "../store/store.ts";
import { ratesInForce, type Campaign } from "./campaign.ts";
import { finishedAndBad, readCounts, type CampaignCounts } from "./campaign-counts.ts";
import { listCampaigns, readCampaign, setState } from "./campaign-store.ts";
import { FEED_BATCH, openActors, returnActor, stillOpen, takeActors } from "./feed.ts";
import { assertFeeder, dropFeederLease, FeederReplacedError, holdFeederLease } from "./feeder-lease.ts";
import { readFleetLimits, type FleetLimits } from "./fleet.ts";
import { scanRound } from "./membership.ts";
import { writeSample } from "./samples.ts";
import { TokenBucket } from "./token-bucket.ts";

/*
 * The feeder moves actors of running campaigns onto the queue, a window at a time. Everything it knows is in the store:
 *
 *   tick      every TICK_MS, while it holds the feeder's lease: for each campaign scan on, feed up to the window, find lost jobs
 *             again, judge the circuit breaker, complete or cancel what is over. Without the lease it only tries to get it.
 *   feed      first a transaction that records the actors as open, then the queue. A feeder that dies between the two, or a Redis
 *             that forgets, leaves open actors without a job: `recover` asks the queue for each and feeds it again.
 *   takeover  every transaction checks the lease with a conflict, so of two feeders only one writes.
 *
 * Redis is asked, never believed: what is open is what the store says.
 */

const TICK_MS = 500;
/** How often the lease is renewed within a tick. */
const RENEW_MS = 1_500;
/** Time of one tick that goes into scanning. */
const SCAN_MS = 400;
/** How often lost jobs are looked for, and how old an open actor must be to be looked for. */
const RECOVER_EVERY_MS = 10_000;
const RECOVER_AFTER_MS = 5_000;
const SAMPLE_EVERY_MS = 10_000;
const PAGE = 500;
/** BullMQ's largest priority. */
const MAX_PRIORITY = 2_000_000;

/** A job to be put on the queue. */
export interface FeedRequest {
  readonly actorId: ActorId;
  readonly campaign: string;
  readonly options: Campaign["spec"]["options"];
  /** From 1; lower is taken first. A campaign's n-th waiting actor has n, so that a small campaign is not behind a big one. */
  readonly priority: number;
}

/** What the feeder needs of the queue. */
export interface FeedQueue {
  feed(requests: readonly FeedRequest[]): Promise<void>;
  /** Which of these actors have no job, waiting, running or put off. */
  missing(ids: readonly ActorId[]): Promise<ActorId[]>;
}

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
interface Pace {
  readonly actors: TokenBucket;
  readonly bytes: TokenBucket;
  recoverAtMs: number;
  sampleAtMs: number;
}

export class Feeder {
  readonly #options: FeederOptions;
  readonly #paces = new Map<string, Pace>();
  readonly #fleetPace = newPace();
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
    const campaigns = await listCampaigns(store);
    const fleet = await store.transact(async (tx) => readFleetLimits(tx, now()), { label: "fleet" });
    let openActorsOfAll = 0;
    const counted: { campaign: Campaign; counts: CampaignCounts }[] = [];
    for (const campaign of campaigns) {
      const counts = await store.transact(async (tx) => readCounts(tx, campaign.name), { label: "campaign" });
      this.#options.observer.counted(campaign, counts);
      openActorsOfAll += counts.open.actors;
      counted.push({ campaign, counts });
    }
    let busy = false;
    for (const { campaign, counts } of counted) {
      if (campaign.state === "running" || campaign.state === "draining" || campaign.state === "paused") {
        const fed = await this.#serve(campaign, counts, { fleet, openActorsOfAll });
        openActorsOfAll += fed.actors;
        busy ||= fed.busy;
      }
    }
    return busy;
  }

  async #serve(
    campaign: Campaign,
    counts: CampaignCounts,
    fleet: { fleet: FleetLimits; openActorsOfAll: number },
  ): Promise<{ actors: number; busy: boolean }> {
    const pace = this.#paceOf(campaign.name);
    if (this.#options.now() >= pace.recoverAtMs) {
      await this.#recover(campaign);
      pace.recoverAtMs = this.#options.now() + RECOVER_EVERY_MS;
    }
    if (campaign.state !== "running") {
      await this.#endWhenIdle(campaign, counts);
      return { actors: 0, busy: false };
    }
    if (this.#options.now() >= pace.sampleAtMs) {
      await writeSample(this.#options.store, campaign.name, counts, this.#options.now());
      pace.sampleAtMs = this.#options.now() + SAMPLE_EVERY_MS;
    }
    if (await this.#tripBreaker(campaign, counts)) {
      return { actors: 0, busy: false };
    }
    // Side by side: a window that empties while the scan is busy leaves the workers without work.
    const scanning = this.#scan(campaign);
    const feeding = this.#feed(campaign, counts.open.actors, fleet);
    await Promise.allSettled([scanning, feeding]);
    const scanned = await scanning;
    let actors = await feeding;
    if (!campaign.scanFinished) {
      // What the scan has just found.
      const openActorsOfAll = fleet.openActorsOfAll + actors;
      actors += await this.#feed(campaign, counts.open.actors + actors, { ...fleet, openActorsOfAll });
    }
    if (actors === 0) {
      await this.#endWhenIdle(campaign, counts);
    }
    return { actors, busy: !scanned };
  }

  /** Scans for a while. @returns whether the source is exhausted; a list is given at once. */
  async #scan(campaign: Campaign): Promise<boolean> {
    const { store, now } = this.#options;
    const untilMs = now() + SCAN_MS;
    let finished = campaign.scanFinished || campaign.spec.source.kind !== "scan";
    while (!finished && now() < untilMs) {
      finished = await scanRound(store, campaign, this.#guard);
      await this.#keepLease();
    }
    return finished;
  }

  async #feed(
    campaign: Campaign,
    openBefore: number,
    { fleet, openActorsOfAll }: { fleet: FleetLimits; openActorsOfAll: number },
  ): Promise<number> {
    const { store, now } = this.#options;
    const pace = this.#paceOf(campaign.name);
    const rates = ratesInForce(campaign, now());
    let open = openBefore;
    let fed = 0;
    // One batch goes to the queue while the next is taken.
    let enqueuing: Promise<void> = Promise.resolve();
    for (;;) {
      const room = Math.floor(
        Math.min(
          FEED_BATCH,
          campaign.settings.window - open,
          (rates.concurrentActors ?? Number.MAX_SAFE_INTEGER) - open,
          (fleet.concurrentActors ?? Number.MAX_SAFE_INTEGER) - openActorsOfAll - fed,
          pace.actors.available(rates.actorsPerSecond, now()),
          this.#fleetPace.actors.available(fleet.actorsPerSecond, now()),
        ),
      );
      const bytes = Math.min(
        pace.bytes.available(rates.bytesPerSecond, now()),
        this.#fleetPace.bytes.available(fleet.bytesPerSecond, now()),
      );
      if (room <= 0 || bytes <= 0) {
        break;
      }
      const [taken] = await Promise.all([
        takeActors(store, campaign.name, { actors: room, bytes }, this.#guard, now()),
        enqueuing,
      ]);
      if (taken.length === 0) {
        return fed;
      }
      enqueuing = this.#enqueue(
        campaign,
        taken.map(({ id }) => id),
        open,
      );
      // Awaited above or below; until then a failure must not count as one nobody looks at.
      enqueuing.catch(() => undefined);
      for (const paced of [pace, this.#fleetPace]) {
        paced.actors.take(taken.length);
        paced.bytes.take(taken.reduce((sum, actor) => sum + actor.bytes, 0));
      }
      open += taken.length;
      fed += taken.length;
      this.#options.observer.fed(campaign.name, taken.length);
      await this.#keepLease();
    }
    await enqueuing;
    return fed;
  }

  async #enqueue(campaign: Campaign, ids: readonly ActorId[], open: number): Promise<void> {
    await this.#options.queue.feed(
      ids.map((id, index) => ({
        actorId: id,
        campaign: campaign.name,
        options: campaign.spec.options,
        priority: Math.min(open + index + 1, MAX_PRIORITY),
      })),
    );
  }

  /** Feeds open actors again whose job is gone, lost with Redis or never put there; where nothing is to run, puts them back. */
  async #recover(campaign: Campaign): Promise<void> {
    const { store, queue, now, observer } = this.#options;
    let after: Uint8Array | undefined;
    do {
      const page = await openActors(store, campaign.name, {
        after,
        limit: PAGE,
        fedBeforeMs: now() - RECOVER_AFTER_MS,
      });
      // Asked again after the queue: an actor that was finished between the two has no job, and needs none.
      const jobless = page.ids.length === 0 ? [] : await queue.missing(page.ids);
      const missing = jobless.length === 0 ? [] : await stillOpen(store, campaign.name, jobless);
      if (missing.length > 0) {
        if (campaign.state === "running") {
          await this.#enqueue(campaign, missing, 0);
        } else {
          await Promise.all(missing.map(async (id) => returnActor(store, campaign.name, id, now())));
        }
        observer.recovered(campaign.name, missing.length);
      }
      after = page.last;
      await this.#keepLease();
    } while (after !== undefined);
  }

  async #tripBreaker(campaign: Campaign, counts: CampaignCounts): Promise<boolean> {
    const { percent, actors } = campaign.spec.breaker;
    const total = finishedAndBad(counts);
    const finished = total.finished - campaign.breakerBase.finished;
    const bad = total.bad - campaign.breakerBase.bad;
    if (finished < actors || bad * 100 <= finished * percent) {
      return false;
    }
    const reason = `Circuit breaker: ${bad} of ${finished} finished actors were rejected or failed (limit ${percent} %).`;
    await this.#change(campaign, { from: "running", to: "paused", what: "circuit_breaker", reason });
    return true;
  }

  async #endWhenIdle(campaign: Campaign, counts: CampaignCounts): Promise<void> {
    if (counts.open.actors > 0) {
      return;
    }
    if (campaign.state === "draining") {
      await this.#change(campaign, { from: "draining", to: "cancelled", what: "cancelled" });
    } else if (campaign.scanFinished && counts.todo.actors + counts.later.actors === 0) {
      await this.#change(campaign, { from: "running", to: "completed", what: "completed" });
    }
  }

  /** Changes the state where it is still what the decision was based on, and nothing is open that was counted as done. */
  async #change(
    campaign: Campaign,
    change: { from: Campaign["state"]; to: Campaign["state"]; what: string; reason?: string },
  ): Promise<void> {
    const { store, now, observer } = this.#options;
    const nowMs = now();
    const changed = await store.transact(
      async (tx) => {
        await this.#guard(tx);
        const current = await readCampaign(tx, campaign.name);
        const counts = await readCounts(tx, campaign.name);
        const over = change.to === "completed" || change.to === "cancelled";
        const left = counts.open.actors + (change.to === "completed" ? counts.todo.actors + counts.later.actors : 0);
        if (current.state !== change.from || (over && left > 0)) {
          return undefined;
        }
        const patch = over ? { finishedAtMs: nowMs } : {};
        const author = { who: "feeder", ...(change.reason === undefined ? {} : { reason: change.reason }) };
        return setState(tx, current, { state: change.to, what: change.what, nowMs, patch }, author);
      },
      { label: "campaign" },
    );
    if (changed !== undefined) {
      observer.stateChanged(changed);
      await writeSample(store, campaign.name, await store.transact(async (tx) => readCounts(tx, campaign.name)), nowMs);
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

  #paceOf(name: string): Pace {
    const pace = this.#paces.get(name) ?? newPace();
    this.#paces.set(name, pace);
    return pace;
  }

  #setLeads(leads: boolean): void {
    if (leads !== this.#leads) {
      this.#leads = leads;
      // What another feeder fed meanwhile is not known here: look for lost jobs soon.
      this.#paces.clear();
      this.#options.observer.leading(leads);
    }
  }
}

function newPace(): Pace {
  return { actors: new TokenBucket(), bytes: new TokenBucket(), recoverAtMs: 0, sampleAtMs: 0 };
}
