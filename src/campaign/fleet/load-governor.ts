import type { TransactionReport } from "../../store/store.ts";

/*
 * Decides how many actors a worker may migrate at once, from how its own transactions fare and what the cluster says of itself.
 *
 *   calm      limit rises by one per interval, up to the configured concurrency
 *   slow      the slowest tenth of commits took longer than SLOW_COMMIT_MS, or the cluster begins to be busy: limit falls to 70 %,
 *             never below one
 *   severe    the store throttles, the slowest tenth of commits took longer than SEVERE_COMMIT_MS, none came through and some ran out
 *             of time, or the cluster is overloaded: limit is zero, nothing new begins
 *
 * Multiplicative decrease and additive increase, so that workers who see the same load settle on fair shares. No actor fails for load.
 */

const SLOW_COMMIT_MS = 500;
const SEVERE_COMMIT_MS = 2_500;
const DECREASE = 0.7;
/** Of the transactions that read the cluster's status: with a large cluster they take seconds, however idle it is. */
export const STATUS_LABEL = "status";
/** A verdict from fewer commits says nothing. */
const MIN_COMMITS = 5;
/** Commits remembered per interval: enough for a quantile, bounded whatever the rate. */
const MAX_COMMITS = 512;

/** What the cluster says of its load; see FoundationDB's `qos` in status json. */
export interface ClusterVerdict {
  /** `severe`: it limits all work, or its storage servers are far behind; `slow`: it limits batch work, or they are getting behind. */
  readonly level: "calm" | "slow" | "severe";
  readonly because?: string;
}

/** The limit now, and why it is below the configured concurrency. */
export interface LoadDecision {
  readonly limit: number;
  readonly because?: string;
}

export class LoadGovernor {
  readonly #concurrency: number;
  #limit: number;
  #because: string | undefined;
  #commitMs: number[] = [];
  #throttled = 0;
  #timedOut = 0;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
    this.#limit = concurrency;
  }

  /** What is in force. */
  get decision(): LoadDecision {
    return this.#because === undefined ? { limit: this.#limit } : { limit: this.#limit, because: this.#because };
  }

  /** Takes note of one attempt at a transaction; an observer of the store. */
  observe(report: TransactionReport): void {
    if (report.result === "throttled") {
      this.#throttled += 1;
    } else if (report.result === "timed_out" && report.label !== STATUS_LABEL) {
      this.#timedOut += 1;
    } else if (report.result === "committed" && this.#commitMs.length < MAX_COMMITS) {
      this.#commitMs.push(report.commitMs);
    }
  }

  /** Decides for the next interval, from what was observed since the last call and the cluster's verdict, if it has one. */
  decide(cluster?: ClusterVerdict): LoadDecision {
    const { level, because } = worse(this.#ownVerdict(), cluster ?? { level: "calm" });
    this.#commitMs = [];
    this.#throttled = 0;
    this.#timedOut = 0;
    switch (level) {
      case "severe":
        this.#limit = 0;
        break;
      case "slow":
        this.#limit = Math.max(1, Math.floor(this.#limit * DECREASE));
        break;
      case "calm":
        this.#limit = Math.min(this.#concurrency, this.#limit + 1);
        break;
    }
    // While it recovers, what pushed it down is still the reason.
    this.#because = this.#limit >= this.#concurrency ? undefined : (because ?? this.#because);
    return this.decision;
  }

  #ownVerdict(): ClusterVerdict {
    if (this.#throttled > 0) {
      return { level: "severe", because: "the store throttles Ferry's transactions" };
    }
    if (this.#timedOut > 0 && this.#commitMs.length === 0) {
      return { level: "severe", because: "the store does not answer in time" };
    }
    if (this.#commitMs.length < MIN_COMMITS) {
      return { level: "calm" };
    }
    const sorted = this.#commitMs.toSorted((a, b) => a - b);
    const slowest = sorted[Math.floor(sorted.length * 0.9)] ?? 0;
    if (slowest > SEVERE_COMMIT_MS) {
      return { level: "severe", because: `commits take ${Math.round(slowest)} ms` };
    }
    return slowest > SLOW_COMMIT_MS
      ? { level: "slow", because: `commits take ${Math.round(slowest)} ms` }
      : { level: "calm" };
  }
}

const SEVERITY = { calm: 0, slow: 1, severe: 2 } as const;

function worse(a: ClusterVerdict, b: ClusterVerdict): ClusterVerdict {
  return SEVERITY[b.level] > SEVERITY[a.level] ? b : a;
}
