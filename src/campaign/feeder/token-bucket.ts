/** Lets at most `perSecond` units through on average and one second's worth at once; without a rate, everything. */
export class TokenBucket {
  #tokens = 0;
  /** When tokens were last added; undefined while there is no rate. */
  #atMs: number | undefined;

  /** Units that may go now. */
  available(perSecond: number | undefined, nowMs: number): number {
    if (perSecond === undefined) {
      this.#atMs = undefined;
      return Number.MAX_SAFE_INTEGER;
    }
    if (this.#atMs === undefined) {
      // What went while there was no rate is not held against this one.
      this.#tokens = perSecond;
    } else {
      this.#tokens = Math.min(perSecond, this.#tokens + (perSecond * Math.max(0, nowMs - this.#atMs)) / 1000);
    }
    this.#atMs = nowMs;
    return this.#tokens;
  }

  /** Takes units, also more than there are: what is overdrawn is waited for. Fewer than none gives back. */
  take(units: number): void {
    this.#tokens -= units;
  }
}
