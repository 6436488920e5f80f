import type { CampaignView } from "../../campaign/progress/view.ts";
import type { Campaign, CampaignSpec } from "../../campaign/campaign.ts";
import { isLimited } from "../../campaign/limits.ts";
import { OUTCOME_STATES } from "../../migration/outcome.ts";
import { formatByteSize } from "../../config/byte-size.ts";
import { plural } from "../../campaign/plural.ts";
import { donePlace, undonePlaces } from "./places.ts";
import { endText, progressText, rateText } from "./progress-text.ts";
import { fleetLimitsText, settingsText } from "./settings-text.ts";
import { tableLines } from "./table.ts";

/** A campaign for people: where it stands, counts by state and reason, settings. */
export function showText(view: CampaignView): string[] {
  const { campaign, progress, counts, workers, fleet, feeding, atMs } = view;
  const isOver = campaign.finishedAtMs !== undefined;
  return [
    `campaign ${campaign.name}: ${stateText(campaign)}`,
    `progress   ${progressText(progress)}`,
    ...(isOver ? [] : [`speed      ${rateText(progress)}`, `end        ${endText(progress)}`]),
    `source     ${sourceText(campaign.spec)}`,
    `settings   ${settingsText(campaign.settings, atMs)}`,
    `fleet      ${plural(workers.length, "worker")}, ${feeding ? "a feeder" : "no feeder"}`,
    // Somebody else may have set them: they hold this campaign back as its own do.
    ...(isOver || !isLimited(fleet) ? [] : [`throttle   ${fleetLimitsText(fleet, atMs)}`]),
    ...countLines(view),
    ...(counts.byReason.some(({ reason }) => reason !== "") ? ["", ...reasonLines(view)] : []),
  ];
}

/** The state, since when, and why. */
export function stateText({ state, stateReason, stateSinceMs }: Campaign): string {
  const why = stateReason === undefined ? "" : `: ${stateReason}`;
  return `${state} since ${timeText(stateSinceMs)}${why}`;
}

/** A time as RFC 3339 in seconds, UTC. */
export function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

/** Where the actors come from, with filters, order and job options. */
export function sourceText({ source, filters, order, options }: CampaignSpec): string {
  const { label, minBytes, maxBytes, samplePercent } = filters;
  const given = Object.entries(options).map(([name, value]) => `${name} ${String(value)}`);
  return [
    source.kind === "rejected"
      ? `rejected or failed${source.reason === undefined ? "" : ` for ${source.reason}`}`
      : source.kind,
    ...(label === undefined ? [] : [`label ${label}`]),
    ...(minBytes === undefined ? [] : [`from ${formatByteSize(minBytes)}`]),
    ...(maxBytes === undefined ? [] : [`up to ${formatByteSize(maxBytes)}`]),
    ...(samplePercent === undefined ? [] : [`a sample of ${samplePercent} %`]),
    `order ${order}`,
    ...given,
  ].join(", ");
}

function countLines(view: CampaignView): string[] {
  const done = OUTCOME_STATES.map((state) => [donePlace(state), view.counts.done[state]] as const);
  const rows = [...undonePlaces(view), ...done.filter(([, { actors }]) => actors > 0)].map(
    ([name, { actors, bytes }]) => [name, String(actors), formatByteSize(bytes)],
  );
  const titles = [{ title: "STATE" }, { title: "ACTORS", right: true }, { title: "BYTES", right: true }];
  return rows.length === 0 ? [] : ["", ...tableLines(titles, rows)];
}

function reasonLines({ counts }: CampaignView): string[] {
  return tableLines(
    [{ title: "STATE" }, { title: "REASON" }, { title: "ACTORS", right: true }],
    counts.byReason
      .filter(({ reason }) => reason !== "")
      .toSorted((a, b) => b.tally.actors - a.tally.actors)
      .map(({ state, reason, tally }) => [state, reason, String(tally.actors)]),
  );
}
