import type { Outcome } from "../../migration/outcome.ts";
import type { AttemptTimes } from "../../telemetry/attempt-meter.ts";
import type { Logger } from "../../telemetry/log.ts";

/**
 * One line per outcome: a rejection is a warning and a failure an error, as someone has to look at them; so is a migration that leaves
 * something to do, or to know. What needs nobody is for debugging: at 300 to 400 bytes each, two million lines are most of a gigabyte, and
 * a nightly scan writes as much again. The ledger has every outcome, and a campaign's progress is in the feeder's log.
 */
export function logOutcome(log: Logger, outcome: Outcome, times: AttemptTimes): void {
  const { reason, detail, pages, bytes, layout, sha256 } = outcome;
  const durationMs = Math.round(times.durationMs);
  switch (outcome.state) {
    case "migrated": {
      const level = detail === undefined ? "debug" : "warn";
      log[level]("actor.migrated", "Actor migrated", { pages, bytes, layout, sha256, detail, durationMs });
      break;
    }
    case "skipped":
      log.debug("actor.skipped", "Actor skipped", { reason, durationMs });
      break;
    case "rejected":
      log.warn("actor.rejected", "Actor rejected", { reason, detail, phase: times.phase, durationMs });
      break;
    case "deferred":
      log.debug("actor.deferred", "Actor deferred", { reason, durationMs });
      break;
    case "failed":
      log.error("actor.failed", "Actor failed", { reason, detail, durationMs });
      break;
  }
}
