/** Over how long the pace is measured: long enough to smooth large actors, short enough to notice new workers. */
const WINDOW_MS = 60_000;

/** How fast a number grows, and when it will have reached a total: an honest guess from the last minute. */
export class Pace {
  readonly #nowMs: () => number;
  #samples: { readonly atMs: number; readonly done: number }[];

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#samples = [{ atMs: nowMs(), done: 0 }];
  }

  sample(done: number): void {
    const atMs = this.#nowMs();
    this.#samples.push({ atMs, done });
    const oldest = this.#samples.findLastIndex((sample) => sample.atMs <= atMs - WINDOW_MS);
    this.#samples = this.#samples.slice(Math.max(0, oldest));
  }

  /** Per second; 0 before anything moved. */
  get perSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs <= first.atMs) {
      return 0;
    }
    return ((last.done - first.done) * 1_000) / (last.atMs - first.atMs);
  }

  /** Milliseconds until `left` more are done at this pace; undefined while nothing moves. */
  remainingMs(left: number): number | undefined {
    return left === 0 ? 0 : this.perSecond > 0 ? (left * 1_000) / this.perSecond : undefined;
  }
}
