import type { CampaignReport } from "../../../campaign/report/report.ts";
import { formatByteSize } from "../../../config/byte-size.ts";
import { formatDuration } from "../../../config/duration.ts";
import { OUTCOME_STATES } from "../../../migration/outcome.ts";
import { donePlace, undonePlaces } from "../places.ts";
import { comparePlan } from "../plan-comparison.ts";
import { progressText } from "../progress-text.ts";
import { settingsText } from "../settings-text.ts";
import { sourceText, stateText, timeText } from "../show-text.ts";
import { drawChart, type Chart } from "./chart.ts";
import { escapeHtml, htmlTable } from "./html.ts";
import { reportCharts } from "./report-charts.ts";

const STYLE = `
:root { color-scheme: light dark; --back: #ffffff; --text: #22262a; --dim: #5f666d; --line: #dfe2e5; }
@media (prefers-color-scheme: dark) { :root { --back: #16191c; --text: #e4e6e8; --dim: #9aa1a8; --line: #33393f; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; max-width: 780px; margin: 2em auto; padding: 0 1em; }
h1 { margin-bottom: 0; } h2 { margin-top: 2em; font-size: 1.15em; } p { margin: .3em 0; } .dim { color: var(--dim); }
table { border-collapse: collapse; margin: .6em 0; } th, td { text-align: left; padding: .2em 1.2em .2em 0; border-bottom: 1px solid var(--line); }
td.number { text-align: right; font-variant-numeric: tabular-nums; } code { font-size: .92em; } a { color: inherit; }
figure { margin: 1.6em 0; } figcaption { font-weight: 600; margin-bottom: .4em; } svg { width: 100%; height: auto; }
.dark { display: none; } @media (prefers-color-scheme: dark) { .dark { display: block; } .light { display: none; } }
pre { white-space: pre-wrap; font-size: .85em; border-left: 3px solid var(--line); padding-left: 1em; }
@media print { .dark { display: none; } .light { display: block; } }
`;

/** The text of a runbook by its path, where there is one. */
type ReadRunbook = (path: string) => string | undefined;

/**
 * A report as one HTML file: nothing is fetched, nothing is run, and it can be read in light and in dark. The runbooks it names are in
 * it, as it is read where there is no checkout.
 */
export function reportHtml(report: CampaignReport, readRunbook: ReadRunbook): string {
  const { campaign } = report;
  const runbooks = runbooksOf(report, readRunbook);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Campaign ${escapeHtml(campaign.name)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Campaign ${escapeHtml(campaign.name)}</h1>
${summary(report)}
<h2>Outcomes</h2>
${outcomes(report)}
${section("Reasons", report.reasons.length > 0, () => reasons(report, runbooks))}
${section("Plan against actual", report.plan !== undefined, () => planTable(report))}
<h2>Charts</h2>
${reportCharts(report).map(figure).join("\n")}
${section("Slowest actors", report.slowest.length > 0, () => slowest(report))}
<h2>Configuration</h2>
${configuration(report)}
<h2>History</h2>
${history(report)}
${section("Runbooks", runbooks.size > 0, () => pages(runbooks))}
</body>
</html>
`;
}

function summary(report: CampaignReport): string {
  const { campaign, progress, elapsedMs } = report;
  const rate = `${report.actorsPerSecond.toFixed(1)} actors/s and ${formatByteSize(Math.round(report.bytesPerSecond))}/s`;
  return `<p class="dim">${escapeHtml(stateText(campaign))}. Report of ${timeText(report.atMs)}.</p>
<p>${escapeHtml(progressText(progress))} in ${formatDuration(elapsedMs)}, ${rate} on average; ${formatByteSize(report.counts.done.migrated.bytes)} migrated.</p>`;
}

function outcomes(report: CampaignReport): string {
  const done = OUTCOME_STATES.map((state) => [donePlace(state), report.counts.done[state]] as const);
  return htmlTable(
    ["State", "Actors", "Bytes"],
    [...undonePlaces(report), ...done].map(([place, { actors, bytes }]) => [place, actors, formatByteSize(bytes)]),
  );
}

/** By path. */
function runbooksOf({ reasons: lines }: CampaignReport, readRunbook: ReadRunbook): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { runbook } of lines) {
    const text = runbook === undefined ? undefined : readRunbook(runbook);
    if (runbook !== undefined && text !== undefined) {
      texts.set(runbook, text);
    }
  }
  return texts;
}

function reasons(report: CampaignReport, runbooks: ReadonlyMap<string, string>): string {
  return htmlTable(
    ["State", "Reason", "Actors", "What to do"],
    report.reasons.map(({ state, reason, tally, runbook }) => [
      state,
      `<code>${escapeHtml(reason)}</code>`,
      tally.actors,
      runbook === undefined ? "" : runbookCell(runbook, runbooks.has(runbook)),
    ]),
  );
}

function runbookCell(path: string, isHere: boolean): string {
  const name = escapeHtml(path);
  return isHere ? `<a href="#${name}">${name}</a>` : name;
}

function pages(runbooks: ReadonlyMap<string, string>): string {
  return [...runbooks].map(([path, text]) => `<pre id="${escapeHtml(path)}">${escapeHtml(text)}</pre>`).join("\n");
}

function planTable(report: CampaignReport): string {
  return htmlTable(
    ["", "Plan", "Actual"],
    comparePlan(report).map((line) => [escapeHtml(line.what), escapeHtml(line.plan), escapeHtml(line.actual)]),
  );
}

function figure(chart: Chart): string {
  const title = escapeHtml(chart.title);
  return `<figure role="img" aria-label="${title}"><figcaption>${title}</figcaption>
<div class="light">${drawChart(chart, "light")}</div>
<div class="dark">${drawChart(chart, "dark")}</div></figure>`;
}

function slowest(report: CampaignReport): string {
  return htmlTable(
    ["Actor", "Took", "Bytes", "State"],
    report.slowest.map(({ id, durationMs, bytes, state, reason }) => [
      `<code>${id}</code>`,
      formatDuration(durationMs),
      formatByteSize(bytes),
      escapeHtml(reason === undefined ? state : `${state}: ${reason}`),
    ]),
  );
}

function configuration({ campaign, atMs, feeds, deferrals }: CampaignReport): string {
  const { spec, settings, createdBy, createdAtMs } = campaign;
  return htmlTable(
    ["", ""],
    [
      ["Source", escapeHtml(sourceText(spec))],
      ["Settings", escapeHtml(settingsText(settings, atMs))],
      ["Deferrals before an actor is given up", spec.deferLimit],
      ["Circuit breaker", `${spec.breaker.percent} % of at least ${spec.breaker.actors} actors`],
      ["Created", escapeHtml(`${timeText(createdAtMs)} by ${createdBy}`)],
      ["Feeds", feeds],
      ["Deferrals", deferrals],
    ],
  );
}

function history(report: CampaignReport): string {
  return htmlTable(
    ["When", "Who", "What", "Why"],
    report.history.map(({ atMs, who, what, reason = "" }) => [
      timeText(atMs),
      escapeHtml(who),
      escapeHtml(what),
      escapeHtml(reason),
    ]),
  );
}

function section(title: string, isThere: boolean, body: () => string): string {
  return isThere ? `<h2>${title}</h2>\n${body()}` : "";
}
