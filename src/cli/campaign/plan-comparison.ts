import type { CampaignReport } from "../../campaign/report/report.ts";
import { formatByteSize } from "../../config/byte-size.ts";
import { formatDuration } from "../../config/duration.ts";
import { OUTCOME_STATES } from "../../migration/outcome.ts";

/** One thing that was predicted, and what it came to. */
export interface Comparison {
  readonly what: string;
  readonly plan: string;
  readonly actual: string;
}

/** The plan kept with a campaign against what the campaign came to; nothing without a plan. */
export function comparePlan({ plan, progress, counts, reasons, elapsedMs }: CampaignReport): Comparison[] {
  if (plan === undefined) {
    return [];
  }
  const rejected = new Set([
    ...plan.byReason.filter(({ state }) => state === "rejected").map(({ reason }) => reason),
    ...reasons.filter(({ state }) => state === "rejected").map(({ reason }) => reason),
  ]);
  return [
    { what: "actors", plan: String(plan.actors), actual: String(progress.total) },
    { what: "bytes", plan: formatByteSize(plan.bytes), actual: formatByteSize(progress.totalBytes) },
    ...OUTCOME_STATES.filter((state) => plan.expected[state].actors + counts.done[state].actors > 0).map((state) => ({
      what: state,
      plan: String(plan.expected[state].actors),
      actual: String(counts.done[state].actors),
    })),
    ...[...rejected].map((reason) => ({
      what: `  ${reason}`,
      plan: String(plan.byReason.find((line) => line.reason === reason)?.actors ?? 0),
      actual: String(reasons.find((line) => line.reason === reason)?.tally.actors ?? 0),
    })),
    {
      what: "duration (plan: one worker, without writing)",
      plan: formatDuration(plan.workMs),
      actual: formatDuration(elapsedMs),
    },
  ];
}
