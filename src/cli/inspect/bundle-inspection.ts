import { EvidenceReader, type EvidenceSummary } from "../../campaign/evidence/evidence-reader.ts";
import { readFileOrStandard } from "../files.ts";
import { readLines } from "../lines.ts";
import type { Run } from "../run.ts";

/** A row with its value is 15 kB; the head holds an actor's whole history. */
const MAX_LINE = 4 * 1024 * 1024;

/** Reads an evidence bundle to its end and says what it holds. @throws FormatError, UsageError */
export async function inspectBundle(run: Run, file: string): Promise<undefined> {
  const reader = new EvidenceReader();
  for await (const { lines } of readLines(readFileOrStandard(file, run), MAX_LINE)) {
    for (const line of lines) {
      reader.push(line);
    }
  }
  const summary = reader.end();
  await run.output.line(run.json ? JSON.stringify(summary) : describeBundle(summary));
}

/** A bundle for people: a line per field. It may come from anywhere, so nothing is taken for granted about its fields. */
export function describeBundle({ head, tail }: EvidenceSummary): string {
  return [...linesOf("", head), "", ...linesOf("", tail)].join("\n");
}

function linesOf(path: string, value: unknown): string[] {
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([name, inner]) => linesOf(path === "" ? name : `${path} ${name}`, inner));
  }
  return [`${printable(path).padEnd(24)} ${printable(String(value))}`];
}

/** Without what a terminal would take for commands. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are what is to be replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "\u00b7");
}
