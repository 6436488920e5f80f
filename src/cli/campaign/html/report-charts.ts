import { isReject } from "../../../campaign/rejects/rejects.ts";
import type { Bucket } from "../../../campaign/report/report-histogram.ts";
import type { CampaignReport } from "../../../campaign/report/report.ts";
import { formatByteSize } from "../../../config/byte-size.ts";
import { formatDuration } from "../../../config/duration.ts";
import { OUTCOME_STATES } from "../../../migration/outcome.ts";
import { donePlace } from "../places.ts";
import type { Chart } from "./chart.ts";

const MIB = 1024 * 1024;
const COLORS = {
  migrated: "#2f9e6e",
  skipped: "#3f8fc4",
  rejected: "#d9534f",
  deferred: "#d9962b",
  failed: "#a8458f",
} as const;
const BLUE = "#3f8fc4";
const LINE_HEIGHT = 260;
/** Without a browser widths of text are estimated, a tenth and more too small for some fonts: long names were cut at the edge. */
const NAME_MARGIN = 40;

/** The charts of a report; those that would be empty are left out. */
export function reportCharts(report: CampaignReport): Chart[] {
  const { sizes, durations, attribution, reasons } = report;
  const rejects = reasons.filter(isReject);
  return [
    ...(report.series.length > 1 ? [throughput(report), inFlight(report)] : []),
    bars(
      "Actors by outcome",
      OUTCOME_STATES.map((state) => ({
        name: donePlace(state),
        value: report.counts.done[state].actors,
        color: COLORS[state],
      })),
    ),
    ...(rejects.length > 0
      ? [
          bars(
            "Rejected and failed by reason",
            rejects.map(({ reason, state, tally }) => ({ name: reason, value: tally.actors, color: COLORS[state] })),
          ),
        ]
      : []),
    ...(sizes.buckets.length > 0 ? [histogram("Actors by size of their v1 file", sizes.buckets, formatByteSize)] : []),
    ...(durations.buckets.length > 0 ? [histogram("Actors by duration", durations.buckets, formatDuration)] : []),
    ...(attribution.length > 0
      ? [
          bars(
            "Workers' time in percent",
            attribution.map(({ name, percent }) => ({ name, value: percent, color: BLUE })),
          ),
        ]
      : []),
  ];
}

function throughput({ series }: CampaignReport): Chart {
  return lines("Throughput over time", [
    {
      name: "actors/s",
      color: COLORS.migrated,
      points: series.map(({ atMs, actorsPerSecond }) => [atMs, actorsPerSecond]),
    },
    {
      name: "rejected and failed/s",
      color: COLORS.rejected,
      points: series.map(({ atMs, badPerSecond }) => [atMs, badPerSecond]),
    },
    {
      name: "MiB/s",
      color: BLUE,
      points: series.map(({ atMs, bytesPerSecond }) => [atMs, bytesPerSecond / MIB]),
      right: true,
    },
  ]);
}

function inFlight({ series }: CampaignReport): Chart {
  return lines("In flight over time", [
    { name: "in flight", color: BLUE, points: series.map((point) => [point.atMs, point.inFlight]) },
    { name: "deferred", color: COLORS.deferred, points: series.map((point) => [point.atMs, point.deferred]) },
  ]);
}

interface Line {
  readonly name: string;
  readonly color: string;
  readonly points: readonly (readonly [number, number])[];
  /** On an axis of its own. */
  readonly right?: boolean;
}

function lines(title: string, series: readonly Line[]): Chart {
  const right = series.some((line) => line.right === true);
  const yAxis = [{ type: "value", min: 0 }, ...(right ? [{ type: "value", min: 0, splitLine: { show: false } }] : [])];
  return {
    title,
    height: LINE_HEIGHT,
    option: {
      legend: { top: 0, itemGap: 32, icon: "roundRect", data: series.map(({ name }) => name) },
      grid: {
        left: 8,
        right: 16,
        top: right ? 52 : 36,
        bottom: 8,
        outerBoundsMode: "same",
        outerBoundsContain: "axisLabel",
      },
      xAxis: { type: "time" },
      yAxis,
      series: series.map(({ name, color, points, right: isRight }) => ({
        type: "line",
        name,
        data: points,
        showSymbol: false,
        yAxisIndex: isRight === true ? 1 : 0,
        color,
        lineStyle: { width: 1.5, color },
      })),
    },
  };
}

/** Bars that lie, with their names before and their values behind them; the first is on top. */
function bars(title: string, items: readonly { name: string; value: number; color: string }[]): Chart {
  return {
    title,
    height: 40 + 28 * items.length,
    option: {
      grid: {
        left: NAME_MARGIN,
        right: 72,
        top: 8,
        bottom: 8,
        outerBoundsMode: "same",
        outerBoundsContain: "axisLabel",
      },
      xAxis: { type: "value", minInterval: 1 },
      yAxis: { type: "category", inverse: true, data: items.map(({ name }) => name) },
      series: [
        {
          type: "bar",
          barMaxWidth: 18,
          label: { show: true, position: "right" },
          data: items.map(({ value, color }) => ({ value, itemStyle: { color } })),
        },
      ],
    },
  };
}

function histogram(title: string, buckets: readonly Bucket[], textOf: (bound: number) => string): Chart {
  const names = buckets.map(({ upTo }) => (upTo === undefined ? "more" : `≤ ${textOf(upTo)}`));
  return {
    title,
    height: LINE_HEIGHT,
    option: {
      grid: { left: 8, right: 16, top: 24, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      xAxis: { type: "category", data: names, axisLabel: { rotate: names.length > 8 ? 40 : 0, interval: 0 } },
      yAxis: { type: "value", minInterval: 1 },
      series: [
        {
          type: "bar",
          color: BLUE,
          label: { show: true, position: "top" },
          data: buckets.map(({ count }) => count),
        },
      ],
    },
  };
}
