/** Things that are made once and used again and again: those that are not in use, the most recently used first. */
export class Pool<T extends { clear(): void }> {
  readonly #make: () => T;
  readonly #most: number;
  readonly #free: T[] = [];

  /** `most`: as many are kept for later; those that are in use at once are not bounded. */
  constructor(make: () => T, most: number) {
    this.#make = make;
    this.#most = most;
  }

  take(): T {
    return this.#free.pop() ?? this.#make();
  }

  /** Clears the thing: what was got from it must not be read any more. */
  give(thing: T): void {
    thing.clear();
    if (this.#free.length < this.#most) {
      this.#free.push(thing);
    }
  }
}
