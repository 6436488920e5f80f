import { once } from "node:events";
import type { Writable } from "node:stream";

import { createLogger as createWinston, format, transports, type Logger as Winston } from "winston";

import { logLine, prettyLine, type LogEntry } from "./log-line.ts";

/** From everything to trouble only. */
export type LogLevel = "debug" | "info" | "warn" | "error";
/** Variables of a line; the message itself is static. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where and how to log. */
export interface LogOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Standard error, unless a test says otherwise. */
  readonly stream: Writable & { readonly isTTY?: boolean };
  /** Default: `pretty` on a terminal, `json` elsewhere. */
  readonly format?: "json" | "pretty";
  /** Colours of the pretty form. Default: on a terminal; the configuration turns them off for NO_COLOR. */
  readonly color?: boolean;
  /** On every line, e.g. service and version. */
  readonly fields?: LogFields;
}

/**
 * One line per event: a static message for people, `event` for machines (e.g. `actor.migrated`), everything else in fields.
 * Errors go in a field `error` and come out whole.
 */
export class Logger {
  readonly #winston: Winston;
  readonly #stream: Writable;
  readonly #fields: LogFields;

  /** @internal use `createLogger` and `child`. */
  constructor(winston: Winston, stream: Writable, fields: LogFields) {
    this.#winston = winston;
    this.#stream = stream;
    this.#fields = fields;
  }

  /** Can be changed while the process runs; children follow. */
  get level(): LogLevel {
    return this.#winston.level as LogLevel;
  }

  set level(level: LogLevel) {
    this.#winston.level = level;
  }

  debug(event: string, message: string, fields?: LogFields): void {
    this.#log("debug", event, message, fields);
  }

  info(event: string, message: string, fields?: LogFields): void {
    this.#log("info", event, message, fields);
  }

  warn(event: string, message: string, fields?: LogFields): void {
    this.#log("warn", event, message, fields);
  }

  error(event: string, message: string, fields?: LogFields): void {
    this.#log("error", event, message, fields);
  }

  /** A logger whose lines all carry `fields`, e.g. one per job. */
  child(fields: LogFields): Logger {
    return new Logger(this.#winston, this.#stream, { ...this.#fields, ...fields });
  }

  /** Ends the log and waits until every line has left the process; call it once, last. What is logged later is dropped. Never throws. */
  async close(): Promise<void> {
    const finished = once(this.#winston, "finish").catch(() => undefined);
    this.#winston.end();
    await finished;
    await new Promise<void>((resolve) => {
      if (this.#stream.writableEnded || this.#stream.destroyed) {
        resolve();
      } else {
        this.#stream.write("", () => {
          resolve();
        });
      }
    });
  }

  #log(level: LogLevel, event: string, message: string, fields: LogFields = {}): void {
    if (!this.#winston.writable) {
      // Of work that did not end in time, such as a job that outlives its worker's stop: winston would end the process for it.
      return;
    }
    // Under one key of ours, so that no field can be mistaken for winston's own (level, message, splat).
    this.#winston.log({ level, message, entry: { event, fields: { ...this.#fields, ...fields } } });
  }
}

/** A logger on a stream. A stream that breaks (a closed pipe) loses lines, not the process. */
export function createLogger(options: LogOptions): Logger {
  const isTerminal = options.stream.isTTY === true;
  const isPretty = (options.format ?? (isTerminal ? "pretty" : "json")) === "pretty";
  const color = options.color ?? isTerminal;
  options.stream.on("error", () => undefined);
  const winston = createWinston({
    level: options.level ?? "info",
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    exitOnError: false,
    format: format.printf((info) => {
      const { event, fields } = info["entry"] as { event: string; fields: LogFields };
      const entry: LogEntry = { time: new Date(), level: info.level, event, message: String(info.message), fields };
      return isPretty ? prettyLine(entry, color) : logLine(entry);
    }),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston's types give its transports no class
    transports: [new transports.Stream({ stream: options.stream as NodeJS.WritableStream, eol: "\n" })],
  });
  return new Logger(winston, options.stream, options.fields ?? {});
}
