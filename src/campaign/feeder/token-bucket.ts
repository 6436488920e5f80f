/**
 * Lets at most `perSecond` units through on average and one second's worth at once, but one unit at least: what takes longer than a second
 * to come has to be saved up. Without a rate, everything.
 */
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
    const atOnce = Math.max(1, perSecond);
    if (this.#atMs === undefined) {
      // What went while there was no rate is not held against this one.
      this.#tokens = atOnce;
    } else {
      this.#tokens = Math.min(atOnce, this.#tokens + (perSecond * Math.max(0, nowMs - this.#atMs)) / 1000);
    }
    this.#atMs = nowMs;
    return this.#tokens;
  }

  /** Takes units, also more than there are: what is overdrawn is waited for. Fewer than none gives back. */
  take(units: number): void {
    this.#tokens -= units;
  }
}
