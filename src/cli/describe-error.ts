import { CommanderError } from "commander";
import { FerryError, InvariantError, UsageError } from "../errors.ts";
import { FormatError } from "../formats/format-error.ts";
import { IntegrityCheckError } from "../migration/integrity/errors.ts";
import { redactUrl } from "../queue/redact-url.ts";
import { StoreError } from "../store/errors.ts";
import { isFileError } from "./exit-status.ts";
import { InterruptedError } from "./interrupted-error.ts";

/** What to do about an error whose message does not say it already. */
const ADVICE: Readonly<Record<string, string>> = {
  store_missing: "Check --store (or FERRY_STORE); ferry v1 import and ferry store load make a new one.",
  store_unavailable: "Check --store (or FERRY_STORE), and that the place is there and can be used.",
  store_timed_out: "The store is too busy or cannot be reached: try again, or check it.",
  store_disk_full: "Make room on the disk that holds the store.",
};

const FILE_REASONS: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EACCES: "may not be used by this user",
  EPERM: "may not be used by this user",
  EISDIR: "is a directory",
  ENOTDIR: "lies under something that is no directory",
  ENOSPC: "does not fit on its disk",
  EROFS: "is on a file system that cannot be written",
};

/** An error as a sentence or two for an operator: what is wrong and what to do. Never a stack trace, never a password. */
export function describeError(error: unknown): string {
  return redactUrl(describe(error));
}

function describe(error: unknown): string {
  if (error instanceof CommanderError) {
    return sentence(error.message.replace(/^error: /, "").replace(/\n\((.*)\)$/, " ($1)"));
  }
  if (isFileError(error)) {
    return `${error.path ?? "A file"} ${FILE_REASONS[error.code ?? ""] ?? `cannot be used (${error.code ?? error.message})`}.`;
  }
  if (error instanceof InterruptedError) {
    return error.message;
  }
  if (!(error instanceof FerryError) || error instanceof InvariantError) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return `This is a bug in Ferry, please report it: ${sentence(text)} --log-level debug shows where it happened.`;
  }
  const advice = ADVICE[error.code];
  return `${sentence(`${error.message}${detailsOf(error)}`)}${advice === undefined ? "" : ` ${advice}`}`;
}

/** Values the message leaves out, e.g. which file. Redis errors name everything in the message. */
function detailsOf(error: FerryError): string {
  if (!(
    error instanceof UsageError ||
    error instanceof FormatError ||
    error instanceof StoreError ||
    error instanceof IntegrityCheckError ||
    error.code.startsWith("store_")
  )) {
    return "";
  }
  const shown = Object.entries(error.details)
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([name, value]) => ({ name, text: String(value) }))
    .filter(({ text }) => text !== "" && !error.message.includes(text))
    .map(({ name, text }) => `${name}: ${text}`);
  return shown.length === 0 ? "" : ` (${shown.join(", ")})`;
}

/** With a capital at its start and a full stop at its end, unless a details list moved behind the one it has. */
function sentence(text: string): string {
  const joined = text.replace(/\.( \([^()]*\))$/, "$1");
  const ended = /[.?!)]$/.test(joined) && !joined.endsWith(")") ? joined : `${joined}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}
