import type { CampaignSettings } from "../../campaign/campaign.ts";
import type { FleetLimits } from "../../campaign/fleet/fleet-limits.ts";
import { plural } from "../../campaign/plural.ts";
import { formatByteSize } from "../../config/byte-size.ts";
import { formatDuration } from "../../config/duration.ts";

/** A campaign's settings in one line. */
export function settingsText(settings: CampaignSettings, nowMs: number): string {
  return `window ${settings.window}, ${limitsText({ ...settings, untilMs: settings.ratesUntilMs }, nowMs)}`;
}

/** The fleet's limits in one line, when they end, and who set them and why. */
export function fleetLimitsText(limits: FleetLimits, nowMs: number): string {
  const { setBy, reason } = limits;
  const why = [...(setBy === undefined ? [] : [`set by ${setBy}`]), ...(reason === undefined ? [] : [reason])];
  return `${limitsText(limits, nowMs)}${why.length === 0 ? "" : ` — ${why.join(": ")}`}`;
}

/** Limits in one line, and when they end. */
function limitsText(
  limits: Omit<FleetLimits, "untilMs"> & { readonly untilMs?: number | undefined },
  nowMs: number,
): string {
  const { actorsPerSecond, bytesPerSecond, concurrentActors, untilMs } = limits;
  const parts = [
    ...(actorsPerSecond === undefined ? [] : [`${actorsPerSecond} actors/s`]),
    ...(bytesPerSecond === undefined ? [] : [`${formatByteSize(bytesPerSecond)}/s`]),
    ...(concurrentActors === undefined ? [] : [`${plural(concurrentActors, "actor")} at once`]),
  ];
  if (parts.length === 0) {
    return "no limits";
  }
  const end =
    untilMs === undefined ? "" : untilMs <= nowMs ? " (ended)" : ` (for another ${formatDuration(untilMs - nowMs)})`;
  return `at most ${parts.join(", ")}${end}`;
}
