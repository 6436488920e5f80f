import { FerryError, type ErrorDetails } from "../errors.ts";

/** Bytes that are not what their format says; the message is a sentence, `code` says which rule they break. */
export class FormatError extends FerryError {
  constructor(code: string, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(code, message, { details, cause });
  }
}
