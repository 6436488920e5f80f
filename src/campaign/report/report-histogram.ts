/** A histogram as it is printed: `upTo` is a bucket's upper bound, included; the last has none. */
export interface Bucket {
  readonly upTo?: number;
  readonly count: number;
}

/** Counts values in fixed buckets: its size does not depend on how many there are. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #values = 0;
  #sum = 0;
  #largest = 0;

  /** `bounds`: upper bounds, rising. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  add(value: number): void {
    const index = this.#bounds.findIndex((bound) => value <= bound);
    const at = index === -1 ? this.#bounds.length : index;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#values += 1;
    this.#sum += value;
    this.#largest = Math.max(this.#largest, value);
  }

  /** From the first bucket that has any to the last. */
  get buckets(): Bucket[] {
    const first = this.#counts.findIndex((count) => count > 0);
    const last = this.#counts.findLastIndex((count) => count > 0);
    return first === -1
      ? []
      : this.#counts
          .map((count, index) => ({
            ...(index < this.#bounds.length ? { upTo: this.#bounds[index] ?? 0 } : {}),
            count,
          }))
          .slice(first, last + 1);
  }

  /** `median`, `p90`, `p99`: upper bounds of the buckets they lie in, and never more than the largest value. */
  get summary(): { count: number; mean: number; median: number; p90: number; p99: number; largest: number } {
    const mean = this.#values === 0 ? 0 : this.#sum / this.#values;
    const [median, p90, p99] = [this.#quantile(0.5), this.#quantile(0.9), this.#quantile(0.99)];
    return { count: this.#values, mean, median, p90, p99, largest: this.#largest };
  }

  #quantile(share: number): number {
    let rest = share * this.#values;
    const index = this.#counts.findIndex((count) => (rest -= count) <= 0);
    return Math.min(this.#bounds[index] ?? this.#largest, this.#largest);
  }
}

/** 0, 4 KiB, 8 KiB … 16 GiB. */
export const SIZE_BOUNDS = [0, ...Array.from({ length: 23 }, (_, power) => 4096 * 2 ** power)];
/** 1 ms to some 11 hours, in steps of about a third of a decade. */
export const DURATION_BOUNDS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000].flatMap((decade) => [
  decade,
  2 * decade,
  4 * decade,
]);
