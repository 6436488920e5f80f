import { ACTIVITIES, type Activity, type AttemptObserver } from "../migration/context.ts";
import type { Outcome } from "../migration/outcome.ts";
import { ENGINE_PHASES, type Metrics } from "./metrics.ts";
import { outcomeLabels } from "./outcome-labels.ts";

/** Where an attempt was when it ended, and how long each activity took, in milliseconds: for its log line. */
export interface AttemptTimes {
  readonly phase: Activity;
  readonly durationMs: number;
  readonly phaseMs: Readonly<Partial<Record<Activity, number>>>;
}

/** Counts one attempt at one actor, phase by phase; make a new one for each. `nowMs` is a monotonic clock. */
export class AttemptMeter implements AttemptObserver {
  readonly #metrics: Metrics;
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  readonly #phaseMs: Partial<Record<Activity, number>> = {};
  #activity: Activity = "read";
  #enteredAtMs: number;

  constructor(metrics: Metrics, nowMs: () => number = () => performance.now()) {
    this.#metrics = metrics;
    this.#nowMs = nowMs;
    this.#startedAtMs = this.#enteredAtMs = nowMs();
    metrics.engineAttempts.inc();
  }

  enter(activity: Activity): void {
    this.#closePhase();
    this.#activity = activity;
  }

  fenceLost(code: string): void {
    this.#metrics.fenceLosses.inc();
    if (code === "lease_lost") {
      this.#metrics.leaseLosses.inc();
    }
  }

  /** The attempt ended with an outcome, which is recorded. */
  ended(outcome: Outcome): AttemptTimes {
    const times = this.#close();
    const metrics = this.#metrics;
    metrics.outcomes.inc({ ...outcomeLabels(outcome) });
    if (outcome.state === "migrated") {
      metrics.engineSuccesses.inc();
      metrics.engineDuration.observe(times.durationMs / 1000);
      metrics.enginePages.observe(outcome.pages ?? 0);
      metrics.pages.inc(outcome.pages ?? 0);
      metrics.imageBytes.inc(outcome.bytes ?? 0);
      metrics.lastSuccess.setToCurrentTime();
    }
    if (outcome.state === "rejected") {
      metrics.engineFailures.inc({ phase: ENGINE_PHASES[times.phase] });
    }
    if (outcome.reason === "journal_present") {
      metrics.engineRejectedJournal.inc();
      metrics.journals.inc({ action: "rejected" });
    }
    const journal = outcome.state === "migrated" ? (outcome.recovery?.journal ?? "absent") : "absent";
    if (journal !== "absent") {
      metrics.journals.inc({ action: journal === "hot" ? "rolled_back" : "not_hot" });
    }
    return times;
  }

  /** The attempt ended with an error; whether it is tried again is the queue's affair. */
  threw(): AttemptTimes {
    const times = this.#close();
    this.#metrics.engineFailures.inc({ phase: ENGINE_PHASES[times.phase] });
    return times;
  }

  #close(): AttemptTimes {
    this.#closePhase();
    for (const phase of ACTIVITIES) {
      const spentMs = this.#phaseMs[phase];
      if (spentMs !== undefined) {
        this.#metrics.phaseDuration.observe({ phase }, spentMs / 1000);
      }
    }
    return { phase: this.#activity, durationMs: this.#nowMs() - this.#startedAtMs, phaseMs: this.#phaseMs };
  }

  #closePhase(): void {
    const nowMs = this.#nowMs();
    const spentMs = nowMs - this.#enteredAtMs;
    this.#phaseMs[this.#activity] = (this.#phaseMs[this.#activity] ?? 0) + spentMs;
    this.#enteredAtMs = nowMs;
  }
}
