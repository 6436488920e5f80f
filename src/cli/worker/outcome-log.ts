import type { Outcome } from "../../migration/outcome.ts";
import type { AttemptTimes } from "../../telemetry/attempt-meter.ts";
import type { Logger } from "../../telemetry/log.ts";

/** One line per outcome: a rejection is a warning, as someone has to look at it; the rest is information. */
export function logOutcome(log: Logger, outcome: Outcome, times: AttemptTimes): void {
  const { reason, pages, bytes, layout, sha256 } = outcome;
  const durationMs = Math.round(times.durationMs);
  switch (outcome.state) {
    case "migrated":
      log.info("actor.migrated", "Actor migrated", { pages, bytes, layout, sha256, durationMs });
      break;
    case "skipped":
      log.info("actor.skipped", "Actor skipped", { reason, durationMs });
      break;
    case "rejected":
      log.warn("actor.rejected", "Actor rejected", { reason, detail: outcome.detail, phase: times.phase, durationMs });
      break;
    case "deferred":
      log.info("actor.deferred", "Actor deferred", { reason, durationMs });
      break;
    case "failed":
      log.error("actor.failed", "Actor failed", { reason, detail: outcome.detail, durationMs });
      break;
  }
}
