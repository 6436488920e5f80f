import { addActivity } from "../../campaign/fleet/activity.ts";
import { readWorkersRest, type IdleReason } from "../../campaign/fleet/fleet-rest.ts";
import { RecentActivity } from "../../campaign/fleet/recent-activity.ts";
import { removeHeartbeat, writeHeartbeat } from "../../campaign/fleet/heartbeats.ts";
import { readClusterVerdict } from "../../campaign/fleet/cluster-verdict.ts";
import type { ClusterVerdict, LoadGovernor } from "../../campaign/fleet/load-governor.ts";
import type { WorkerHost } from "../../queue/worker-host.ts";
import type { Store } from "../../store/store.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { Metrics, SlotActivity } from "../../telemetry/metrics.ts";

/*
 * A worker as a member of the fleet: every second of every slot is booked on one activity, the load governor sets how many slots may
 * be used, and a heartbeat in the store tells the fleet about both. None of it is needed for the data to be right: when the store does
 * not answer, the worker goes on with what it knows. Each of these goes on by itself: a store that holds back what has batch priority must
 * not keep the worker from saying so, nor from governing.
 */

const SAMPLE_MS = 1_000;
const GOVERN_MS = 3_000;
const HEARTBEAT_MS = 5_000;

/** Who the worker is, for its heartbeat. */
export interface MemberIdentity {
  readonly workerId: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
}

export interface FleetMemberOptions {
  readonly store: Store;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly governor: LoadGovernor;
  readonly identity: MemberIdentity;
  /** Slots as configured. */
  readonly concurrency: number;
  /** Milliseconds that never go back; for tests. */
  readonly monotonicNow?: () => number;
}

/** Books the time of one slot while it is busy. */
export interface SlotClock {
  enter(activity: SlotActivity): void;
  end(): void;
}

type HostControl = Pick<WorkerHost, "inFlight" | "isConnected" | "pause" | "resume" | "setConcurrency">;

export class FleetMember {
  readonly #options: FleetMemberOptions;
  readonly #startedAtMs = Date.now();
  /** Milliseconds since the start, by activity; and not yet added to their campaigns, by campaign. */
  readonly #spentMs = new Map<SlotActivity, number>();
  /** How much of that the metric has. It gets it once a sample: an actor changes its activity six times in a millisecond or two. */
  readonly #countedMs = new Map<SlotActivity, number>();
  readonly #recent = new RecentActivity();
  #unbooked = new Map<string, Map<string, number>>();
  readonly #inFlight = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #now: () => number;
  /** Books what a busy slot did up to now. */
  readonly #busy = new Set<() => void>();
  #host: HostControl | undefined;
  /** Slot time since the last sample that busy slots account for. */
  #busyMs = 0;
  #lastSampleMs: number;
  #rest: IdleReason = "idle";
  #because: string | undefined;
  /** What waits for the store now. */
  readonly #working = new Set<Promise<void>>();

  constructor(options: FleetMemberOptions) {
    this.#options = options;
    this.#now = options.monotonicNow ?? (() => performance.now());
    this.#lastSampleMs = this.#now();
  }

  /** Starts to govern the host and to tell of it. */
  start(host: HostControl): void {
    this.#host = host;
    this.#every(SAMPLE_MS, "slots", () => {
      this.#sampleSlots();
      return Promise.resolve();
    });
    this.#every(GOVERN_MS, "govern", () => this.#govern(host));
    this.#every(HEARTBEAT_MS, "activity", () => this.#bookCampaigns());
    this.#every(HEARTBEAT_MS, "rest", () => this.#readRest());
    this.#every(HEARTBEAT_MS, "heartbeat", () => this.#beat());
    void this.#work("rest", () => this.#readRest());
    void this.#work("heartbeat", () => this.#beat());
  }

  /** Ends all that, and takes the heartbeat away: the fleet need not wait for it to grow old. */
  async stop(): Promise<void> {
    this.#timers.forEach(clearInterval);
    await Promise.all(this.#working);
    this.#sampleSlots();
    await this.#quietly("activity", () => this.#bookCampaigns());
    // Also where the booking failed: a heartbeat that stays would report a worker that is gone.
    await this.#quietly("heartbeat", async () => {
      await removeHeartbeat(this.#options.store, this.#options.identity.workerId);
    });
  }

  /** A slot begins to work on a campaign's actor; on none with "". */
  begin(campaign: string): SlotClock {
    this.#inFlight.set(campaign, (this.#inFlight.get(campaign) ?? 0) + 1);
    let activity: SlotActivity = "read";
    let sinceMs = this.#now();
    const beganMs = sinceMs;
    const book = (): void => {
      const nowMs = this.#now();
      this.#busyMs += nowMs - sinceMs;
      this.#book(activity, nowMs - sinceMs, campaign);
      sinceMs = nowMs;
    };
    this.#busy.add(book);
    return {
      enter: (next) => {
        book();
        activity = next;
      },
      end: () => {
        book();
        this.#busy.delete(book);
        this.#inFlight.set(campaign, (this.#inFlight.get(campaign) ?? 1) - 1);
        // This may have been the campaign's last actor, and its report be asked for before the next heartbeat. After so long, one more transaction costs nothing.
        if (sinceMs - beganMs >= HEARTBEAT_MS) {
          void this.#work("activity", () => this.#bookCampaigns());
        }
      },
    };
  }

  #book(activity: SlotActivity, ms: number, campaign = ""): void {
    this.#spentMs.set(activity, (this.#spentMs.get(activity) ?? 0) + ms);
    if (campaign !== "") {
      this.#owe(campaign, activity, ms);
    }
  }

  /**
   * Books all slots up to now, so that activities add up to slots times time. What busy slots did not use was free: as much of it as
   * the governor withholds is throttled, the others rested for the reason found last.
   */
  #sampleSlots(): void {
    const { concurrency, governor, metrics } = this.#options;
    const nowMs = this.#now();
    const elapsedMs = nowMs - this.#lastSampleMs;
    this.#lastSampleMs = nowMs;
    this.#busy.forEach((book) => {
      book();
    });
    const freeMs = Math.max(0, concurrency * elapsedMs - this.#busyMs);
    this.#busyMs = 0;
    const withheldMs = Math.min(freeMs, (concurrency - governor.decision.limit) * elapsedMs);
    this.#book("throttled_store", withheldMs);
    this.#book(this.#rest, freeMs - withheldMs);
    this.#countSpent();
    metrics.inFlight.set(this.#host?.inFlight ?? 0);
    metrics.concurrencyLimit.set(governor.decision.limit);
    metrics.throttleActive.set({ reason: "store" }, governor.decision.because === undefined ? 0 : 1);
    metrics.throttleActive.set({ reason: "operator" }, this.#rest === "throttled_operator" ? 1 : 0);
  }

  #countSpent(): void {
    for (const [activity, ms] of this.#spentMs) {
      this.#options.metrics.activitySeconds.inc({ activity }, (ms - (this.#countedMs.get(activity) ?? 0)) / 1000);
      this.#countedMs.set(activity, ms);
    }
  }

  async #govern(host: HostControl): Promise<void> {
    const { governor, log } = this.#options;
    const verdict = await this.#clusterVerdict();
    const { limit, because } = governor.decide(verdict);
    if (limit === 0) {
      await host.pause();
    } else {
      await host.setConcurrency(limit);
      await host.resume();
    }
    if ((because === undefined) !== (this.#because === undefined)) {
      const [event, text] =
        because === undefined
          ? ["throttle.left", "The worker runs at full concurrency again"]
          : ["throttle.entered", "The worker holds back for the store's sake"];
      log.info(event, text, { limit, reason: because });
    }
    this.#because = because;
  }

  /** A cluster that is too busy to tell must not keep the governor from judging by the worker's own transactions. */
  async #clusterVerdict(): Promise<ClusterVerdict | undefined> {
    try {
      return await readClusterVerdict(this.#options.store);
    } catch (error) {
      this.#options.log.warn("fleet.unheard", "The cluster's status cannot be read", { error });
      return undefined;
    }
  }

  async #beat(): Promise<void> {
    const { store, governor, identity, concurrency } = this.#options;
    const { limit, because } = governor.decision;
    this.#sampleSlots();
    const activitySeconds = Object.fromEntries(
      [...this.#spentMs].map(([activity, ms]) => [activity, Math.round(ms) / 1000] as const),
    );
    await writeHeartbeat(store, {
      ...identity,
      atMs: Date.now(),
      startedAtMs: this.#startedAtMs,
      concurrency,
      limit,
      ...(because === undefined ? {} : { throttledBecause: because }),
      ...(this.#host?.isConnected === false ? { queueLost: true } : {}),
      inFlight: Object.fromEntries([...this.#inFlight].filter(([, count]) => count > 0)),
      activitySeconds,
      recentSeconds: this.#recent.since(activitySeconds, Date.now()),
    });
  }

  async #readRest(): Promise<void> {
    this.#rest = await readWorkersRest(this.#options.store, Date.now());
  }

  async #bookCampaigns(): Promise<void> {
    const times = this.#unbooked;
    this.#unbooked = new Map();
    try {
      await addActivity(this.#options.store, times);
    } catch (error) {
      // The time was spent: it is booked with what comes next. Where the commit did happen it counts twice, which hurts nobody.
      for (const [campaign, activities] of times) {
        for (const [activity, ms] of activities) {
          this.#owe(campaign, activity, ms);
        }
      }
      throw error;
    }
  }

  #owe(campaign: string, activity: string, ms: number): void {
    const times = this.#unbooked.get(campaign) ?? new Map<string, number>();
    times.set(activity, (times.get(activity) ?? 0) + ms);
    this.#unbooked.set(campaign, times);
  }

  #every(ms: number, what: string, task: () => Promise<void>): void {
    let isBusy = false;
    this.#timers.push(
      setInterval(() => {
        // A store that is slow must not pile these up: the governor would decide as often as it was kept waiting, all in one moment.
        if (!isBusy) {
          isBusy = true;
          void this.#work(what, task).then(() => {
            isBusy = false;
          });
        }
      }, ms),
    );
  }

  /** Does what `stop` waits for. */
  async #work(what: string, task: () => Promise<void>): Promise<void> {
    const working = this.#quietly(what, task);
    this.#working.add(working);
    await working;
    this.#working.delete(working);
  }

  /** None of this is worth failing an actor for. */
  async #quietly(what: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#options.log.warn("fleet.unheard", "The fleet's rows in the store cannot be kept up", { what, error });
    }
  }
}
