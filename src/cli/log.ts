import { format } from "node:util";
import { createLogger, type Logger } from "../telemetry/log.ts";
import type { Run } from "./run.ts";

const { warn, error } = console;

/**
 * Runs a long-running command with its log, on standard error, as the configuration says. What libraries write to the console meanwhile,
 * as they have no other way to say it, is a line of it too: whoever collects the log reads JSON and nothing else.
 */
export async function withLog<T>(run: Run, body: (log: Logger) => Promise<T>): Promise<T> {
  const { logLevel, logFormat } = run.config;
  const isPlain = (run.environment["NO_COLOR"] ?? "") !== "" || run.environment["TERM"] === "dumb";
  const log = createLogger({
    level: logLevel,
    stream: run.notes.stream,
    ...(logFormat === "auto" ? {} : { format: logFormat }),
    ...(isPlain ? { color: false } : {}),
    fields: { service: "ferry", pid: process.pid },
  });
  const say = (...parts: unknown[]): void => {
    log.warn("library.said", "A library wrote to the console", { said: format(...parts) });
  };
  Object.assign(console, { warn: say, error: say });
  try {
    return await body(log);
  } finally {
    Object.assign(console, { warn, error });
    await log.close();
  }
}
