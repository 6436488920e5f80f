import { parseByteSize } from "./byte-size.ts";
import { parseDuration } from "./duration.ts";

/** One thing that can be configured: where it is named, how it is read, what it is when nobody says. */
export interface Setting<T> {
  /** The environment variable. */
  readonly env: string;
  /** The flag as commander writes it, e.g. `--store <url>`; some settings have none. */
  readonly flag?: string;
  /** One sentence for help and README. */
  readonly meaning: string;
  readonly fallback: T;
  /** The fallback as it would be written. */
  readonly fallbackText: string;
  /** Whether it is a secret: then the variable with `_FILE` behind its name is read as well, and values never appear in messages. */
  readonly secret?: boolean;
  /** The value a text stands for, or what to write instead. */
  readonly parse: (text: string) => Parsed<T>;
}

/** `expected` completes "write …". */
export type Parsed<T> = { readonly value: T } | { readonly expected: string };

interface Naming {
  readonly env: string;
  readonly flag?: string;
  readonly meaning: string;
  readonly secret?: boolean;
}

/** Any text but the empty one. */
export function textSetting<T extends string | undefined>(naming: Naming, fallback: T): Setting<string | T> {
  return {
    ...naming,
    fallback,
    fallbackText: fallback ?? "",
    parse: (text) => (text === "" ? { expected: "something, or leave it out" } : { value: text }),
  };
}

/** One of a few words. */
export function choiceSetting<const T extends string>(
  naming: Naming,
  choices: readonly T[],
  fallback: NoInfer<T>,
): Setting<T> {
  return {
    ...naming,
    fallback,
    fallbackText: fallback,
    parse(text) {
      const value = choices.find((choice) => choice === text);
      return value === undefined ? { expected: listOf(choices) } : { value };
    },
  };
}

/** A whole number within bounds, both included. */
export function integerSetting(
  naming: Naming,
  bounds: { min: number; max: number },
  fallback: number,
): Setting<number> {
  const expected = `a whole number from ${bounds.min} to ${bounds.max}`;
  return {
    ...naming,
    fallback,
    fallbackText: String(fallback),
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
      return value >= bounds.min && value <= bounds.max ? { value } : { expected };
    },
  };
}

/** Milliseconds, written as `90s` or `2h`. `fallback` is written the same way. */
export function durationSetting(
  naming: Naming,
  bounds: { min: string; max: string },
  fallback: string,
): Setting<number> {
  const [minMs, maxMs, fallbackMs] = [bounds.min, bounds.max, fallback].map((text) => parseDuration(text) ?? 0);
  const expected = `a duration from ${bounds.min} to ${bounds.max}, such as ${fallback}`;
  return {
    ...naming,
    fallback: fallbackMs ?? 0,
    fallbackText: fallback,
    parse(text) {
      const value = parseDuration(text) ?? NaN;
      return value >= (minMs ?? 0) && value <= (maxMs ?? 0) ? { value } : { expected };
    },
  };
}

/** Bytes, written as `64MiB`. `fallback` and the bounds are written the same way. */
export function sizeSetting(naming: Naming, bounds: { min: string; max: string }, fallback: string): Setting<number> {
  const [minBytes, maxBytes, fallbackBytes] = [bounds.min, bounds.max, fallback].map(
    (text) => parseByteSize(text) ?? 0,
  );
  const expected = `a size from ${bounds.min} to ${bounds.max}, such as ${fallback}`;
  return {
    ...naming,
    fallback: fallbackBytes ?? 0,
    fallbackText: fallback,
    parse(text) {
      const value = parseByteSize(text) ?? NaN;
      return value >= (minBytes ?? 0) && value <= (maxBytes ?? 0) ? { value } : { expected };
    },
  };
}

function listOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}
