import { logValue } from "./log-value.ts";
import type { SerializedError } from "./serialize-error.ts";

/** One event to print. */
export interface LogEntry {
  readonly time: Date;
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The entry as one line of JSON: `timestamp`, `severity`, `event`, `message`, then the fields, which cannot replace those four. */
export function logLine(entry: LogEntry): string {
  const head = {
    timestamp: entry.time.toISOString(),
    severity: entry.level.toUpperCase(),
    event: entry.event,
    message: entry.message,
  };
  return JSON.stringify({ ...head, ...(logValue(entry.fields) as object), ...head });
}

const COLORS: Readonly<Record<string, number>> = { debug: 90, info: 36, warn: 33, error: 31 };

/** The entry for a person: time of day, severity, message, fields as `key=value`; an error's stack and causes below. */
export function prettyLine(entry: LogEntry, color: boolean): string {
  const paint = (code: number, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { error, ...fields } = logValue(entry.fields) as Record<string, unknown>;
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => paint(90, `${key}=`) + (typeof value === "string" ? value : JSON.stringify(value)));
  const time = entry.time.toTimeString().slice(0, 8);
  const severity = paint(COLORS[entry.level] ?? 0, entry.level.toUpperCase().padEnd(5));
  return [[paint(90, time), severity, entry.message, ...pairs].join(" "), ...errorLines(error)].join("\n");
}

function errorLines(error: unknown): string[] {
  if (typeof error !== "object" || error === null) {
    return error === undefined ? [] : [`    ${JSON.stringify(error)}`];
  }
  const { stack, message, code, cause, details } = error as Partial<SerializedError>;
  const text = stack ?? message ?? JSON.stringify(error);
  return [
    ...text.split("\n").map((line) => `    ${line}`),
    ...(code === undefined ? [] : [`    code: ${code}`]),
    ...(details === undefined ? [] : [`    details: ${JSON.stringify(details)}`]),
    ...(cause === undefined ? [] : ["    caused by:", ...errorLines(cause)]),
  ];
}
