import { redactUrl } from "../queue/redact-url.ts";
import { serializeError } from "./serialize-error.ts";

/** Field names whose value is never printed. */
const SECRET = /passw|secret|credential|authorization/i;
const MAX_DEPTH = 12;
const MAX_TEXT = 16_384;

/**
 * A field's value as it may be printed: errors whole, URLs without passwords, secrets hidden, bytes as their count - page content never
 * reaches a log -, 64-bit numbers as text.
 */
export function logValue(value: unknown, depth = 0): unknown {
  if (typeof value === "string") {
    const text = redactUrl(value);
    return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
  }
  if (typeof value === "bigint") {
    return value.toString();
  }
  if (typeof value !== "object" || value === null) {
    return typeof value === "function" || typeof value === "symbol" ? undefined : value;
  }
  if (depth > MAX_DEPTH) {
    return "…";
  }
  if (value instanceof Error) {
    return logValue(serializeError(value), depth);
  }
  if (ArrayBuffer.isView(value)) {
    return `${value.byteLength} bytes`;
  }
  if (value instanceof Date) {
    return value.toISOString();
  }
  if (Array.isArray(value)) {
    return value.map((item) => logValue(item, depth + 1));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, SECRET.test(key) ? "***" : logValue(item, depth + 1)]),
  );
}
