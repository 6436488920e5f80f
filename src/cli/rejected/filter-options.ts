import type { Command } from "commander";
import type { RejectFilter } from "../../campaign/rejects/rejects.ts";
import { UsageError } from "../../errors.ts";
import { readBytes, readDuration } from "../campaign/flag-values.ts";

/** Flags that say which rejects. */
export interface FilterFlags {
  readonly reason?: string;
  readonly fingerprint?: string;
  readonly campaign?: string;
  readonly olderThan?: string;
  readonly newerThan?: string;
  readonly minBytes?: string;
  readonly maxBytes?: string;
}

/** Adds the flags that listing, grouping and requeueing have in common. */
export function addFilters(command: Command): Command {
  return command
    .option("--reason <reason>", "those with this reason")
    .option("--fingerprint <fingerprint>", "those with the same cause, as ferry rejected group shows it")
    .option("--campaign <name>", "those that a campaign's job was rejected for")
    .option("--older-than <duration>", "those whose last attempt was longer ago, such as 2h or 7d")
    .option("--newer-than <duration>", "those whose last attempt was since, such as 2h or 7d");
}

/** Adds the flags about the size of the main file in v1. */
export function addSizeFilters(command: Command): Command {
  return command
    .option("--min-bytes <size>", "those with at least so much v1 data by their metadata, such as 1MiB")
    .option("--max-bytes <size>", "those with at most so much");
}

/** @throws UsageError for a value that cannot be read. */
export function readFilter(flags: FilterFlags, nowMs: number): RejectFilter {
  const { reason, campaign } = flags;
  const fingerprint = flags.fingerprint?.toLowerCase();
  if (fingerprint !== undefined && !/^[0-9a-f]{12}$/.test(fingerprint)) {
    throw new UsageError(
      `--fingerprint "${fingerprint}" cannot be used: write 12 hexadecimal characters, as ferry rejected group shows them.`,
    );
  }
  return {
    ...{ reason, campaign, fingerprint },
    beforeMs: flags.olderThan === undefined ? undefined : nowMs - readDuration("--older-than", flags.olderThan),
    afterMs: flags.newerThan === undefined ? undefined : nowMs - readDuration("--newer-than", flags.newerThan),
    minBytes: flags.minBytes === undefined ? undefined : readBytes("--min-bytes", flags.minBytes),
    maxBytes: flags.maxBytes === undefined ? undefined : readBytes("--max-bytes", flags.maxBytes),
  };
}
