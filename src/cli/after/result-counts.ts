import type { Run } from "../run.ts";
import { sayStopped } from "../stopped.ts";

/** How many of a command's actors came to each result. */
export class ResultCounts {
  readonly #counts: Map<string, number>;
  #total = 0;

  /** @param always results that are said also where no actor came to them. */
  constructor(always: readonly string[] = []) {
    this.#counts = new Map(always.map((result) => [result, 0]));
  }

  add(result: string): void {
    this.#counts.set(result, this.of(result) + 1);
    this.#total += 1;
  }

  of(result: string): number {
    return this.#counts.get(result) ?? 0;
  }

  get total(): number {
    return this.#total;
  }

  /** The counts by result. */
  get byResult(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** E.g. `12 removed, 3 on_hold`; empty without any. */
  get text(): string {
    return [...this.#counts].map(([result, count]) => `${count} ${result}`).join(", ");
  }
}

/** What is said of the counts, on standard error. */
export interface Wording {
  /** The last line, for people. */
  readonly end: (counts: ResultCounts) => string;
  /** Whether actors are changed, so that what was done until the command was stopped stays done. */
  readonly changes: boolean;
  readonly always?: readonly string[];
}

/**
 * Does a command's work on actors, and says how many came to which result, also when an interruption or an error ends it early.
 */
export async function saidCounts(
  run: Run,
  { end, changes, always }: Wording,
  work: (counts: ResultCounts) => Promise<void>,
): Promise<ResultCounts> {
  const counts = new ResultCounts(always);
  try {
    await work(counts);
  } catch (error) {
    sayStopped(run, counts.total === 0 ? "" : counts.text, { changes });
    throw error;
  }
  if (!run.json) {
    run.notes.say(end(counts));
  }
  return counts;
}
