import { UnavailableError, UsageError } from "../errors.ts";
import { FormatError } from "../formats/format-error.ts";
import { IntegrityCheckError } from "../migration/integrity/errors.ts";
import { StoreError } from "../store/errors.ts";
import { InterruptedError } from "./interrupted-error.ts";

/** Exit statuses of `ferry`, the same for every command. */
export const EXIT = {
  /** Done. */
  done: 0,
  /** Done, but something was rejected or failed. */
  rejected: 1,
  /** The command makes no sense as given. */
  usage: 2,
  /** The store or Redis cannot be reached, or cannot be used as things stand; nor can what SQLite's checks need, memory and a disk. */
  unavailable: 3,
  /** A bug. */
  bug: 4,
} as const;

/** One of `EXIT`, or 128 and a signal's number. */
export type ExitStatus = number;

/** Store errors that are not the store's state but a limit a caller should have kept. */
const OWN_MISTAKES = new Set(["too_large", "key_too_large", "value_too_large"]);

/** The exit status an error stands for. */
export function exitStatusOf(error: unknown): ExitStatus {
  if (error instanceof InterruptedError) {
    return 128 + error.signalNumber;
  }
  if (error instanceof UsageError || isFileError(error)) {
    return EXIT.usage;
  }
  if (error instanceof FormatError) {
    return error.code === "actor_id_invalid" ? EXIT.usage : EXIT.rejected;
  }
  if (error instanceof StoreError) {
    return OWN_MISTAKES.has(error.kind) ? EXIT.bug : EXIT.unavailable;
  }
  if (error instanceof UnavailableError || error instanceof IntegrityCheckError) {
    return EXIT.unavailable;
  }
  return EXIT.bug;
}

/** A file or directory the user named that cannot be read or written. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "path" in error && typeof error.path === "string";
}
