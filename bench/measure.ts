/** A middle and its bounds: what several rounds of one measurement came to. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The median, and the smallest and largest value. @throws RangeError without values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  const lower = sorted.length % 2 === 0 ? sorted[middle - 1] : upper;
  const [min] = sorted;
  const max = sorted.at(-1);
  if (upper === undefined || lower === undefined || min === undefined || max === undefined) {
    throw new RangeError("A spread needs at least one value.");
  }
  return { median: (lower + upper) / 2, min, max };
}

/** What two sides, measured by turns, came to; the ratio is taken round by round, so that what slows both cancels out. */
export interface Comparison {
  readonly subject: Spread;
  readonly baseline: Spread;
  readonly ratio: Spread;
}

/** One value per round of each side, in order. @throws RangeError unless both have as many, and at least one. */
export function compareRounds(subject: readonly number[], baseline: readonly number[]): Comparison {
  if (subject.length !== baseline.length) {
    throw new RangeError("Both sides need a value for every round.");
  }
  const ratios = subject.map((value, round) => value / (baseline[round] ?? Number.NaN));
  return { subject: spreadOf(subject), baseline: spreadOf(baseline), ratio: spreadOf(ratios) };
}

/** One measurement of a side; `round` counts the warm-ups too, so that each call has actors of its own. */
export type Measure = (round: number) => Promise<number>;

/** Measures two sides by turns, A B A B; the first `warmups` rounds bring the compiler up to speed and do not count. */
export async function alternate(
  sides: { readonly subject: Measure; readonly baseline: Measure },
  { rounds, warmups }: { readonly rounds: number; readonly warmups: number },
): Promise<Comparison> {
  const subject: number[] = [];
  const baseline: number[] = [];
  for (let round = 0; round < warmups + rounds; round += 1) {
    const a = await sides.subject(round);
    const b = await sides.baseline(round);
    if (round >= warmups) {
      subject.push(a);
      baseline.push(b);
    }
  }
  return compareRounds(subject, baseline);
}

/** How many seconds a task takes. */
export async function secondsOf(task: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await task();
  return (performance.now() - startedAtMs) / 1000;
}

/** Runs a task for every item, `width` at once. */
export async function eachOf<T>(
  items: readonly T[],
  width: number,
  task: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of rest) {
        await task(item);
      }
    }),
  );
}
