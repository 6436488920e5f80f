import type { Outcome } from "../migration/outcome.ts";

/** An outcome as one line of JSON. */
export function formatOutcomeJson(outcome: Outcome): string {
  return JSON.stringify(outcomeFields(outcome));
}

/** The documented fields in their order; absent ones are left out of JSON. */
export function outcomeFields(outcome: Outcome): object {
  const { actorId, state, reason, detail, pages, bytes, sha256, layout, attempts, campaign, finishedAt } = outcome;
  return { actorId, state, reason, detail, pages, bytes, sha256, layout, attempts, campaign, finishedAt };
}

/** An outcome in a line of a report about one actor. */
export function outcomeText({ state, reason, finishedAt, attempts, campaign }: Outcome): string {
  const why = reason === undefined ? "" : ` ${reason}`;
  return `${state}${why} at ${finishedAt}, attempt ${attempts}${campaign === undefined ? "" : `, campaign ${campaign}`}`;
}

const COLUMNS = [
  ["ACTOR", 30],
  ["STATE", 8],
  ["REASON", 24],
  ["PAGES", 7],
  ["TRIES", 5],
] as const;

/** The head of a table of outcomes; 79 columns. */
export function outcomeTableHead(): string {
  return row(COLUMNS.map(([title]) => title));
}

/** An outcome as a line of that table. */
export function formatOutcomeRow(outcome: Outcome): string {
  const { actorId, state, reason = "", pages, attempts } = outcome;
  return row([actorId, state, reason, pages === undefined ? "" : String(pages), String(attempts)]);
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, index) => {
      const [title, width] = COLUMNS[index] ?? ["", 0];
      return title === "PAGES" || title === "TRIES" ? cell.padStart(width) : cell.padEnd(width);
    })
    .join(" ")
    .trimEnd();
}
