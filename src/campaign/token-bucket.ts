/** Lets at most `perSecond` units through on average and one second's worth at once; without a rate, everything. */
export class TokenBucket {
  #tokens = 0;
  #atMs: number | undefined;

  /** Units that may go now. */
  available(perSecond: number | undefined, nowMs: number): number {
    if (perSecond === undefined) {
      return Number.MAX_SAFE_INTEGER;
    }
    const elapsedMs = this.#atMs === undefined ? 1000 : Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#tokens = Math.min(perSecond, this.#tokens + (perSecond * elapsedMs) / 1000);
    return this.#tokens;
  }

  /** Takes units, also more than there are: what is overdrawn is waited for. */
  take(units: number): void {
    this.#tokens -= units;
  }
}
