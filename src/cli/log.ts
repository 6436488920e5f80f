import { createLogger, type Logger } from "../telemetry/log.ts";
import type { Run } from "./run.ts";

/** The log of a long-running command, on standard error, as the configuration says. Close it last. */
export function openLog(run: Run): Logger {
  const { logLevel, logFormat } = run.config;
  const isPlain = (run.environment["NO_COLOR"] ?? "") !== "" || run.environment["TERM"] === "dumb";
  return createLogger({
    level: logLevel,
    stream: run.notes.stream,
    ...(logFormat === "auto" ? {} : { format: logFormat }),
    ...(isPlain ? { color: false } : {}),
    fields: { service: "ferry", pid: process.pid },
  });
}
