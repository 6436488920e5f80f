/** A version that a transaction has read at, until it has ended. */
export interface ReadHold {
  readonly version: bigint;
}

/**
 * The versions that transactions of this process under way have read at. No commit up to the oldest of them can conflict with any, so
 * that is how far back commits need to be known: as a rule some milliseconds of them, where the window allows seconds.
 */
export class ReadVersions {
  /** In the order in which they were taken, which is that of their versions: a later snapshot is never of an older one. */
  readonly #held = new Set<ReadHold>();

  hold(version: bigint): ReadHold {
    const hold = { version };
    this.#held.add(hold);
    return hold;
  }

  /** Idempotent. */
  release(hold: ReadHold): void {
    this.#held.delete(hold);
  }

  /** Undefined when nothing is under way. */
  get oldest(): bigint | undefined {
    const [first] = this.#held;
    return first?.version;
  }
}
