import { redactUrl } from "../queue/redact-url.ts";

/** Something that must work for this process to be of use, e.g. `redis_write`, `store_read`. */
interface ReadinessCheck {
  readonly name: string;
  /** Throws when it does not work. */
  readonly probe: () => Promise<unknown>;
}

/** One check's state: ready when it last succeeded within the time allowed. */
export interface CheckState {
  readonly ready: boolean;
  /** Since the last success, in seconds; absent when there was none. */
  readonly ageSeconds?: number;
  /** The last failure since that success. */
  readonly error?: string;
}

/** A check that has not succeeded for as long is not ready. */
const MAX_AGE_MS = 30_000;

/** `everyMs` apart (default 10,000). `nowMs` is a monotonic clock. */
export interface ReadinessOptions {
  readonly checks: readonly ReadinessCheck[];
  readonly everyMs?: number;
  readonly nowMs?: () => number;
}

interface Tracked {
  readonly check: ReadinessCheck;
  succeededAtMs?: number;
  error?: string | undefined;
  /** A probe that hangs is not started again: its age tells. */
  isRunning: boolean;
}

/** Probes in the background, so that asking for readiness costs nothing and never hangs. */
export class Readiness {
  readonly #tracked: readonly Tracked[];
  readonly #nowMs: () => number;
  readonly #timer: NodeJS.Timeout;

  constructor(options: ReadinessOptions) {
    this.#tracked = options.checks.map((check) => ({ check, isRunning: false }));
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#timer = setInterval(() => void this.probe(), options.everyMs ?? 10_000);
    this.#timer.unref();
    void this.probe();
  }

  /** Runs all checks now; the timer does. */
  async probe(): Promise<void> {
    await Promise.all(this.#tracked.map((tracked) => this.#run(tracked)));
  }

  /** Each check's state, by name. */
  states(): Readonly<Record<string, CheckState>> {
    return Object.fromEntries(this.#tracked.map((tracked) => [tracked.check.name, this.#state(tracked)]));
  }

  /** Stops probing. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #run(tracked: Tracked): Promise<void> {
    if (tracked.isRunning) {
      return;
    }
    tracked.isRunning = true;
    try {
      await tracked.check.probe();
      tracked.succeededAtMs = this.#nowMs();
      tracked.error = undefined;
    } catch (error) {
      tracked.error = redactUrl(error instanceof Error ? error.message : String(error));
    } finally {
      tracked.isRunning = false;
    }
  }

  #state({ succeededAtMs, error }: Tracked): CheckState {
    const ageMs = succeededAtMs === undefined ? Infinity : this.#nowMs() - succeededAtMs;
    return {
      ready: ageMs <= MAX_AGE_MS,
      ...(Number.isFinite(ageMs) ? { ageSeconds: Math.round(ageMs) / 1000 } : {}),
      ...(error === undefined ? {} : { error }),
    };
  }
}
