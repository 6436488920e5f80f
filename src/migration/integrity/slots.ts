/** A fixed number of things of which each is used by one taker at a time; takers wait in line. */
export class Slots<T> {
  readonly #free: T[];
  readonly #line: ((slot: T) => void)[] = [];

  constructor(slots: readonly T[]) {
    this.#free = [...slots];
  }

  /** The next free one. Rejects with the signal's reason when that fires first; the place in line is given up. */
  async take(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const free = this.#free.pop();
    if (free !== undefined) {
      return free;
    }
    return new Promise<T>((resolve, reject) => {
      const take = (slot: T): void => {
        signal.removeEventListener("abort", leave);
        resolve(slot);
      };
      const leave = (): void => {
        this.#line.splice(this.#line.indexOf(take), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#line.push(take);
    });
  }

  give(slot: T): void {
    const next = this.#line.shift();
    if (next === undefined) {
      this.#free.push(slot);
    } else {
      next(slot);
    }
  }
}
