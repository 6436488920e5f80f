import { FerryError, type ErrorDetails } from "../errors.ts";

/** Bytes that are not what their format says; the message is a sentence, `code` says which rule they break. */
export class FormatError extends FerryError {
  constructor(code: string, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(code, message, { details, cause });
  }
}

/** For a handler of format errors alone: throws on whatever else it caught. */
export function assertFormatError(error: unknown): asserts error is FormatError {
  if (!(error instanceof FormatError)) {
    throw error;
  }
}

/** The error as a value, for `catch`; throws on what is no format error. */
export function formatErrorOf(error: unknown): FormatError {
  assertFormatError(error);
  return error;
}
