import { isMet, type Goal, type Result } from "./figure.ts";
import type { Spread } from "./measure.ts";

/** What a reader needs to know of the machine to believe, or doubt, the figures. */
export type MachineFacts = Readonly<Record<string, string>>;

/** The run as Markdown: the machine, and a line per figure. */
export function markdownOf(facts: MachineFacts, results: readonly Result[]): string {
  const lines = [
    ...Object.entries(facts).map(([name, value]) => `- ${name}: ${value}`),
    "",
    "| figure | against | store | measured | baseline | ratio, median (min–max) | goal | |",
    "|---|---|---|---|---|---|---|---|",
    ...results.map(rowOf),
  ];
  return `${lines.join("\n")}\n`;
}

function rowOf(result: Result): string {
  const { figure, baseline, engine, unit, subject, against, value, valueUnit, goal, note } = result;
  const cells = [
    note === undefined ? figure : `${figure} (${note})`,
    baseline,
    engine,
    `${formatNumber(subject.median)} ${unit}`,
    against === undefined ? "–" : `${formatNumber(against.median)} ${unit}`,
    valueUnit === undefined ? formatSpread(value) : `${formatSpread(value)} ${valueUnit}`,
    formatGoal(goal),
    formatVerdict(isMet(result)),
  ];
  return `| ${cells.join(" | ")} |`;
}

function formatSpread({ median, min, max }: Spread): string {
  return min === max ? formatNumber(median) : `${formatNumber(median)} (${formatNumber(min)}–${formatNumber(max)})`;
}

function formatNumber(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function formatGoal(goal: Goal | undefined): string {
  if (goal === undefined) {
    return "reported";
  }
  return "atLeast" in goal ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
}

function formatVerdict(met: boolean | undefined): string {
  if (met === undefined) {
    return "";
  }
  return met ? "met" : "**missed**";
}
