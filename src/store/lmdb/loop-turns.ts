import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../clock.ts";

const EVERY_MS = 20;

/**
 * Turns of the event loop between reads. LMDB reads at once: who only reads would keep the loop for as long as that takes, which over many
 * actors is minutes, and Ctrl-C, timers and everything else of the process with it.
 */
export class LoopTurns {
  readonly #clock: Clock;
  #takenAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#takenAtMs = clock.nowMs();
  }

  /** Whether one is to be taken; asked apart, as a read need not wait for a promise otherwise. */
  get areDue(): boolean {
    return this.#clock.nowMs() - this.#takenAtMs >= EVERY_MS;
  }

  async take(): Promise<void> {
    this.#takenAtMs = this.#clock.nowMs();
    await nextTurn();
  }
}
