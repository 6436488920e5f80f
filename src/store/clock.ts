import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** Time as the store sees it; tests give their own, so that no test sleeps. */
export interface Clock {
  /** Milliseconds since the epoch; never runs backwards within a process, and agrees between processes of one machine. */
  nowMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => performance.timeOrigin + performance.now(),
  sleep: async (ms, signal) => {
    if (signal !== undefined) {
      // All transactions of a command wait with its one signal; Node warns of a leak from eleven on.
      setMaxListeners(0, signal);
    }
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
