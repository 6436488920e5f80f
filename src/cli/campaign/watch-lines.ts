import { isOver } from "../../campaign/campaign.ts";
import { explainCampaign } from "../../campaign/explain/explain-campaign.ts";
import type { Progress } from "../../campaign/progress/progress.ts";
import type { CampaignView } from "../../campaign/progress/view.ts";
import { isReject } from "../../campaign/rejects/rejects.ts";
import { OUTCOME_STATES, type OutcomeState } from "../../migration/outcome.ts";
import { donePlace, undonePlaces, type UndonePlace } from "./places.ts";
import { endText, progressText, rateText } from "./progress-text.ts";
import { plural } from "../../campaign/plural.ts";
import { wrapped } from "../wrap-prose.ts";
import { paint, type Color } from "./paint.ts";

const BAR_CELLS = 40;
/** Of a line with a bar: the state before it and the number behind it, which must not be cut. */
const BESIDE_BAR = 22;
const REASON_CELLS = 32;
/** Of a line with a reason: the indent and the number. */
const BESIDE_REASON = 12;
const REASONS = 6;
const COLUMNS = 80;
/** Of the speed and the end. */
const BETWEEN = "   ";
/** What `wait` ends with 1 for. */
const LEFT_BEHIND = ["rejected", "failed", "deferred"] as const;

/** How a view is drawn. */
export interface Look {
  readonly columns: number;
  readonly color: boolean;
}

/** A campaign in one line, for logs and pipes. */
export function plainLine(view: CampaignView): string {
  const { campaign, counts, progress } = view;
  const undone = undonePlaces(view).filter(([place]) => place !== "waiting");
  const leftBehind = LEFT_BEHIND.filter((state) => counts.done[state].actors > 0);
  return [
    `${campaign.name} ${campaign.state}`,
    progressText(progress),
    ...undone.map(([place, { actors }]) => `${actors} ${place === "deferred, come back" ? "deferred" : place}`),
    ...leftBehind.map((state) => `${counts.done[state].actors} ${donePlace(state)}`),
    ...(isOver(campaign) ? [] : [rateText(progress), endText(progress)]),
  ].join(", ");
}

/** The live view: as many lines as it needs, none longer than the terminal is wide, at most 80 columns. */
export function watchLines(view: CampaignView, look: Look): string[] {
  const width = Math.min(look.columns, COLUMNS);
  const { campaign, progress, workers, feeding } = view;
  const explanation = explainCampaign(view);
  const slots = workers.reduce((sum, worker) => sum + worker.concurrency, 0);
  const shares = explanation.attribution.map(({ name, percent }) => `${name} ${percent} %`);
  const plain = [
    [
      ["bold", `campaign ${campaign.name}`] as const,
      ["", `  ${campaign.state}  `] as const,
      ["dim", progressText(progress)] as const,
    ],
    ...endRows(progress, width),
    [],
    ...stateRows(view, width),
    ...reasonRows(view, width),
    [],
    [
      [
        "dim",
        `${plural(workers.length, "worker")}, ${plural(slots, "slot")}, ${feeding ? "a feeder" : "no feeder"}`,
      ] as const,
    ],
    ...wrapped(shares, width, "  ").map((text) => [["dim", text] as const]),
    ...wrapped(explanation.sentence.split(" "), width).map((text) => [["", text] as const]),
    ...wrapped(explanation.advice.split(" "), width).map((text) => [["dim", text] as const]),
  ];
  return plain.map((spans) => paint(spans, { ...look, columns: width }));
}

type Spans = (readonly [Color, string])[];

/** The speed and the end in one line, where that has room for both. */
function endRows(progress: Progress, width: number): Spans[] {
  const rate = rateText(progress);
  const end = endText(progress);
  const color: Color = progress.standstill === undefined ? "" : "yellow";
  return rate.length + BETWEEN.length + end.length <= width
    ? [
        [
          ["", rate + BETWEEN],
          [color, end],
        ],
      ]
    : [[["", rate]], ...wrapped(end.split(" "), width).map((text): Spans => [[color, text]])];
}

/** A bar per state: which share of all actors is in it. */
function stateRows(view: CampaignView, width: number): Spans[] {
  const { counts, progress } = view;
  const cells = Math.max(0, Math.min(BAR_CELLS, width - BESIDE_BAR));
  const places: [string, number, Color][] = [
    ...OUTCOME_STATES.map((state): [string, number, Color] => [
      state === "deferred" ? "given up" : state,
      counts.done[state].actors,
      COLORS[state],
    ]),
    ...undonePlaces(view).map(([place, { actors }]): [string, number, Color] => [
      place === "deferred, come back" ? "comes back" : place,
      actors,
      COLORS[place],
    ]),
  ];
  return places
    .filter(([name, actors]) => actors > 0 || name === "migrated")
    .map(([name, actors, color]) => [
      ["", `${name.padEnd(10)} `],
      [color, bar(actors, progress.total, cells)],
      ["", ` ${String(actors).padStart(10)}`],
    ]);
}

const COLORS = {
  migrated: "green",
  skipped: "cyan",
  rejected: "red",
  deferred: "yellow",
  failed: "red",
  waiting: "dim",
  "in flight": "blue",
  "deferred, come back": "yellow",
  "not done": "dim",
} as const satisfies Record<OutcomeState | UndonePlace, Color>;

function reasonRows({ counts }: CampaignView, width: number): Spans[] {
  const cells = Math.max(0, Math.min(REASON_CELLS, width - BESIDE_REASON));
  const reasons = counts.byReason.filter(isReject).toSorted((a, b) => b.tally.actors - a.tally.actors);
  const shown = reasons.slice(0, REASONS).map(({ reason, tally }): Spans => [
    ["red", `  ${reason.slice(0, cells).padEnd(cells)}`],
    ["", String(tally.actors).padStart(10)],
  ]);
  const hidden = reasons.length - shown.length;
  return hidden > 0 ? [...shown, [["dim", `  and ${hidden} more reasons`]]] : shown;
}

/** Whole cells, and at least one for something. */
function bar(part: number, whole: number, cells: number): string {
  const share = whole === 0 ? 0 : Math.floor((part / whole) * cells);
  const filled = part > 0 ? Math.min(cells, Math.max(1, share)) : 0;
  return "█".repeat(filled) + "░".repeat(cells - filled);
}
