import { parseByteSize } from "../../config/byte-size.ts";
import { parseDuration } from "../../config/duration.ts";
import { UsageError } from "../../errors.ts";

/*
 * Values of campaign flags. Each reader takes the flag's name for its message, and throws UsageError saying what to write instead.
 */

/** A whole number of at least `min`, and at most `max`. */
export function readCount(flag: string, text: string, min = 1, max = Infinity): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : NaN;
  const upTo = max === Infinity ? "" : ` to ${max}`;
  return value >= min && value <= max ? value : refuse(flag, text, `a whole number from ${min}${upTo}`);
}

/** Actors per second; fractions are allowed, for very slow ones. */
export function readRate(flag: string, text: string): number {
  const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : NaN;
  return value > 0 ? value : refuse(flag, text, "actors per second, such as 200 or 0.5");
}

/** Bytes, written as 64MiB. */
export function readBytes(flag: string, text: string): number {
  return parseByteSize(text) ?? refuse(flag, text, "a size, such as 64MiB");
}

/** Bytes per second, written as 64MiB, with or without /s; never none, at which a campaign would stand for ever. */
export function readByteRate(flag: string, text: string): number {
  const value = parseByteSize(text.replace(/\/s$/, "")) ?? 0;
  return value > 0 ? value : refuse(flag, text, "bytes per second, such as 64MiB");
}

/** 0 to 100, with or without the sign; fractions are allowed. */
export function readPercent(flag: string, text: string): number {
  const value = /^\d{1,3}(\.\d{1,6})?%?$/.test(text) ? Number(text.replace("%", "")) : NaN;
  return value > 0 && value <= 100 ? value : refuse(flag, text, "a percentage above 0 and up to 100, such as 2%");
}

/** Milliseconds, written as 90s or 2h. */
export function readDuration(flag: string, text: string): number {
  const value = parseDuration(text) ?? NaN;
  return value > 0 ? value : refuse(flag, text, "a duration, such as 90s or 2h");
}

function refuse(flag: string, text: string, expected: string): never {
  throw new UsageError(`${flag} "${text}" cannot be used: write ${expected}.`);
}
