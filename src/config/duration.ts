const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy;

/**
 * Milliseconds of a duration such as `500ms`, `90s`, `2h` or `1h30m`; undefined when it is none. A bare number has no unit and is none, nor
 * is one of more milliseconds than a number holds exactly.
 */
export function parseDuration(text: string): number | undefined {
  let totalMs = 0;
  let end = 0;
  for (const part of text.matchAll(PART)) {
    const [whole, number = "", unit = "ms"] = part;
    totalMs += Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS];
    end += whole.length;
  }
  const ms = Math.round(totalMs);
  return end > 0 && end === text.length && Number.isSafeInteger(ms) ? ms : undefined;
}

/** A duration in the two largest units that say it, e.g. `1h 5m`, `42s`, `3.4s`, `12ms`. */
export function formatDuration(durationMs: number): string {
  const ms = Math.round(durationMs);
  if (ms > 0 && ms < 1_000) {
    return `${ms}ms`;
  }
  if (durationMs < 10_000) {
    return `${Math.round(durationMs / 100) / 10}s`;
  }
  const seconds = Math.round(durationMs / 1_000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}
