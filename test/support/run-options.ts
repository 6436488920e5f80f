/*
 * What a run of the generated suites is told by its environment:
 *
 *   FERRY_TEST_LONG=1     the long form: more seeds, more sizes, every engine; `npm run test:faults` sets it
 *   FERRY_TEST_SEED=n     the first seed, instead of a random one
 *   FERRY_TEST_SEEDS=n    how many seeds, instead of what the form of the run asks for
 *   FERRY_TEST_SECONDS=n  how long the suite of processes goes on, about
 */

function numberOf(name: string): number | undefined {
  // eslint-disable-next-line n/no-process-env -- the one place where generated suites read their options
  const text = process.env[name];
  return text === undefined || text === "" ? undefined : Number(text);
}

/** Whether the long forms of tests run. */
export const LONG = numberOf("FERRY_TEST_LONG") === 1;

/** The first seed of this run. */
export const SEED = numberOf("FERRY_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 30);

/** How many seeds a suite takes in each form. */
export function seedCount(forms: { readonly short: number; readonly long: number }): number {
  return numberOf("FERRY_TEST_SEEDS") ?? (LONG ? forms.long : forms.short);
}

/** How long a suite goes on in each form. */
export function runSeconds(forms: { readonly short: number; readonly long: number }): number {
  return numberOf("FERRY_TEST_SECONDS") ?? (LONG ? forms.long : forms.short);
}

/** Runs seed after seed; what fails says which one it was and how to run it alone. */
export async function forEachSeed(spec: string, count: number, run: (seed: number) => Promise<void>): Promise<void> {
  for (let seed = SEED; seed < SEED + count; seed += 1) {
    try {
      await run(seed);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const again = `FERRY_TEST_SEED=${seed} FERRY_TEST_SEEDS=1 npx mocha ${spec}`;
      throw new Error(`seed ${seed}: ${why}\n  again: ${again}`, { cause });
    }
  }
}

/** How often each thing happened, over all seeds. */
export class Tally {
  readonly #times = new Map<string, number>();

  add(what: string): void {
    this.#times.set(what, this.of(what) + 1);
  }

  of(...what: string[]): number {
    return what.reduce((sum, one) => sum + (this.#times.get(one) ?? 0), 0);
  }

  toString(): string {
    return [...this.#times].map(([what, times]) => `${what} ${times}`).join(", ");
  }
}
