import type { CampaignReport } from "../../campaign/report/report.ts";
import { formatByteSize } from "../../config/byte-size.ts";
import { formatDuration } from "../../config/duration.ts";
import { OUTCOME_STATES } from "../../migration/outcome.ts";
import { donePlace, undonePlaces } from "./places.ts";
import { comparePlan } from "./plan-comparison.ts";
import { progressText } from "./progress-text.ts";
import { sourceText, stateText } from "./show-text.ts";
import { settingsText } from "./settings-text.ts";
import { tableLines } from "./table.ts";

/** A campaign's report for a terminal. */
export function reportText(report: CampaignReport): string[] {
  const { campaign, progress, counts, sizes, durations } = report;
  const rate = `${report.actorsPerSecond.toFixed(1)} actors/s, ${formatByteSize(Math.round(report.bytesPerSecond))}/s`;
  return [
    `campaign ${campaign.name}: ${stateText(campaign)}`,
    `${progressText(progress)} in ${formatDuration(report.elapsedMs)}, ${rate} on average`,
    `source ${sourceText(campaign.spec)}; ${settingsText(campaign.settings, report.atMs)}`,
    `${report.feeds} feeds, ${report.deferrals} deferrals`,
    "",
    ...tableLines(
      [{ title: "STATE" }, { title: "ACTORS", right: true }, { title: "BYTES", right: true }],
      [...undonePlaces(report), ...OUTCOME_STATES.map((state) => [donePlace(state), counts.done[state]] as const)].map(
        ([place, { actors, bytes }]) => [place, String(actors), formatByteSize(bytes)],
      ),
    ),
    ...section(
      report.reasons.length > 0,
      tableLines(
        [{ title: "STATE" }, { title: "REASON" }, { title: "ACTORS", right: true }, { title: "WHAT TO DO" }],
        report.reasons.map(({ state, reason, tally, runbook = "" }) => [state, reason, String(tally.actors), runbook]),
      ),
    ),
    "",
    `sizes      median ${formatByteSize(sizes.summary.median)}, 99 % up to ${formatByteSize(sizes.summary.p99)}, largest ${formatByteSize(sizes.summary.largest)}`,
    `durations  median ${formatDuration(durations.summary.median)}, 99 % up to ${formatDuration(durations.summary.p99)}, longest ${formatDuration(durations.summary.largest)}`,
    ...section(
      report.slowest.length > 0,
      tableLines(
        [{ title: "SLOWEST" }, { title: "TOOK", right: true }, { title: "BYTES", right: true }, { title: "STATE" }],
        report.slowest.map(({ id, durationMs, bytes, state, reason }) => [
          id,
          formatDuration(durationMs),
          formatByteSize(bytes),
          reason === undefined ? state : `${state} ${reason}`,
        ]),
      ),
    ),
    ...section(report.attribution.length > 0, [
      `workers' time: ${report.attribution.map(({ name, percent }) => `${name} ${percent} %`).join(", ")}`,
    ]),
    ...section(
      report.plan !== undefined,
      tableLines(
        [{ title: "PLAN AGAINST ACTUAL" }, { title: "PLAN", right: true }, { title: "ACTUAL", right: true }],
        comparePlan(report).map(({ what, plan, actual }) => [what, plan, actual]),
      ),
    ),
  ];
}

function section(isThere: boolean, lines: readonly string[]): string[] {
  return isThere ? ["", ...lines] : [];
}
