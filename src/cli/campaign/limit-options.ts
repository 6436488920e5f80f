import type { Command } from "commander";
import type { SettingsPatch } from "../../campaign/campaign-verbs.ts";
import { UsageError } from "../../errors.ts";
import { readByteRate, readCount, readDuration, readRate } from "./flag-values.ts";

/** Flags of limits, as written; `off` lifts one. */
export interface LimitFlags {
  readonly rate?: string;
  readonly bytesRate?: string;
  readonly concurrent?: string;
  readonly for?: string;
}

/** What the flags say: undefined lifts a limit; absent ones stay. */
export type LimitsPatch = Omit<SettingsPatch, "window">;

/** Adds the flags of limits, and `--for` where they may end by themselves. */
export function addLimits(command: Command, { withEnd }: { withEnd: boolean }): Command {
  command
    .option("--rate <n>", "at most so many actors per second; off lifts it")
    .option("--bytes-rate <size>", "at most so many bytes per second, such as 64MiB; off lifts it")
    .option("--concurrent <n>", "at most so many actors at once; off lifts it");
  return withEnd ? command.option("--for <duration>", "these limits end by themselves, e.g. after 2h") : command;
}

/** The limits that were asked for. @throws UsageError */
export function readLimits(flags: LimitFlags, nowMs: number): LimitsPatch {
  const limits: LimitsPatch = {
    ...given(flags.rate, "actorsPerSecond", (text) => readRate("--rate", text)),
    ...given(flags.bytesRate, "bytesPerSecond", (text) => readByteRate("--bytes-rate", text)),
    ...given(flags.concurrent, "concurrentActors", (text) => readCount("--concurrent", text)),
  };
  if (Object.keys(limits).length === 0) {
    if (flags.for !== undefined) {
      throw new UsageError(
        "--for says how long limits are to last: give --rate, --bytes-rate or --concurrent as well.",
      );
    }
    return {};
  }
  // Limits set without an end have none, also where earlier ones had: an end in the past would lift them at once.
  return { ...limits, ratesUntilMs: flags.for === undefined ? undefined : nowMs + readDuration("--for", flags.for) };
}

function given<K extends string>(
  text: string | undefined,
  name: K,
  read: (text: string) => number,
): Partial<Record<K, number | undefined>> {
  return text === undefined
    ? {}
    : ({ [name]: text === "off" ? undefined : read(text) } as Record<K, number | undefined>);
}
