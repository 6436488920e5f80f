/** Over how long "now" is. */
const RECENT_MS = 60_000;

type Seconds = Readonly<Record<string, number>>;

/** Turns seconds by activity that only grow into those of the last minute: what a worker does now, not what it did since it started. */
export class RecentActivity {
  #readings: { readonly atMs: number; readonly seconds: Seconds }[] = [];

  /** Takes a reading, and gives what was added since the one a minute ago, or the oldest there is. */
  since(seconds: Seconds, atMs: number): Record<string, number> {
    this.#readings.push({ atMs, seconds });
    const oldest = this.#readings.findLastIndex((reading) => reading.atMs <= atMs - RECENT_MS);
    this.#readings = this.#readings.slice(Math.max(0, oldest));
    const before = this.#readings.length > 1 ? (this.#readings[0]?.seconds ?? {}) : {};
    return Object.fromEntries(
      Object.entries(seconds).map(([activity, total]) => [activity, Math.max(0, total - (before[activity] ?? 0))]),
    );
  }
}
