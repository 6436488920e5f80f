import type { Progress } from "../../campaign/progress/progress.ts";
import { formatByteSize } from "../../config/byte-size.ts";
import { formatDuration } from "../../config/duration.ts";

/** How far it is, e.g. `52.3 % (523 of 1000)` or `523 of at least 1000`. */
export function progressText({ done, total, totalIsExact, percent }: Progress): string {
  return totalIsExact && percent !== undefined
    ? `${percent.toFixed(1)} % (${done} of ${total})`
    : `${done} of at least ${total}`;
}

/** How fast it is, e.g. `12.4 actors/s, 3.1 MiB/s`. */
export function rateText({
  actorsPerSecond,
  bytesPerSecond,
}: Pick<Progress, "actorsPerSecond" | "bytesPerSecond">): string {
  const actors = actorsPerSecond.toFixed(actorsPerSecond < 100 ? 1 : 0);
  return `${actors} actors/s, ${formatByteSize(Math.round(bytesPerSecond))}/s`;
}

/** When it will be done, as a range; or why nobody can say. */
export function endText({ eta, standstill, totalIsExact }: Progress): string {
  if (standstill !== undefined) {
    return standstill;
  }
  if (eta === undefined) {
    return totalIsExact ? "too early to say" : "not known while actors are still being found";
  }
  if (eta.highMs === undefined) {
    return `at least ${formatDuration(eta.lowMs)} to go: larger actors are left than those done lately`;
  }
  const [low, high] = [formatDuration(eta.lowMs), formatDuration(eta.highMs)];
  return low === high ? `about ${low} to go` : `${low} to ${high} to go`;
}
