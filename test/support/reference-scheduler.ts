import type { Gate } from "./memory-store.ts";
import type { SeededRandom } from "./reference-random.ts";

/**
 * Decides which of several tasks goes on: every one stops at the gate, and one at a time is let through, by a seed. As long as tasks
 * wait for nothing but the gate, the same seed gives the same run.
 */
export class Scheduler {
  readonly #random: SeededRandom;
  #waiting: (() => void)[] = [];
  /** What was let through, in order: for the message of a failed run. */
  readonly trace: string[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** To be given to a store. */
  readonly gate: Gate = (point, label) =>
    new Promise((resolve) => {
      this.#waiting.push(() => {
        this.trace.push(`${label}:${point}`);
        resolve();
      });
    });

  /** A stop of a task's own, apart from the store's. */
  async step(label: string): Promise<void> {
    await this.gate("begin", label);
  }

  /** Runs until all tasks have ended; they report their own failures. */
  async run(tasks: readonly Promise<unknown>[]): Promise<void> {
    const state = { ended: false };
    const all = Promise.all(tasks).finally(() => {
      state.ended = true;
    });
    // Awaited below; marked here so that a failure in between is not an unhandled rejection.
    all.catch(() => undefined);
    for (let idle = 0; !state.ended;) {
      await new Promise(setImmediate);
      const [next] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1);
      idle = next === undefined ? idle + 1 : 0;
      if (idle > 1000) {
        throw new Error("tasks wait for something other than the scheduler");
      }
      next?.();
    }
    await all;
  }
}
