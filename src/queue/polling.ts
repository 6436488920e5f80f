import { setTimeout as sleep } from "node:timers/promises";

/** How often to look, and what ends the wait early with the signal's reason. */
export interface PollOptions {
  readonly signal?: AbortSignal | undefined;
  readonly pollMs?: number | undefined;
}

/** Looks until `look` has an answer. Default: four times a second. */
export async function pollUntil<T>(look: () => Promise<T | undefined>, options: PollOptions = {}): Promise<T> {
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await look();
    if (answer !== undefined) {
      return answer;
    }
    try {
      await sleep(options.pollMs ?? 250, undefined, { signal: options.signal });
    } catch (error) {
      options.signal?.throwIfAborted();
      throw error;
    }
  }
}
