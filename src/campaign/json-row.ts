import { FormatError } from "../formats/format-error.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true });

/** A row of Ferry's own that is JSON. */
export function encodeJson(value: object): Uint8Array {
  return ENCODER.encode(JSON.stringify(value));
}

/** @throws FormatError `row_undecodable`; callers trust its shape, as Ferry alone writes under its prefix. */
export function decodeJson(bytes: Uint8Array): object {
  try {
    const parsed: unknown = JSON.parse(DECODER.decode(bytes));
    if (typeof parsed === "object" && parsed !== null) {
      return parsed;
    }
  } catch (cause) {
    throw new FormatError("row_undecodable", "A row of Ferry's own is not JSON.", { why: String(cause) }, cause);
  }
  throw new FormatError("row_undecodable", "A row of Ferry's own is not a JSON object.");
}
