import { Option, type Command } from "commander";
import {
  DEFAULT_BREAKER,
  DEFAULT_DEFER_LIMIT,
  type CampaignFilters,
  type CampaignSource,
  type CampaignSpec,
} from "../../campaign/campaign.ts";
import { UsageError } from "../../errors.ts";
import { assertReadable } from "../files.ts";
import { readBytes, readCount, readPercent } from "./flag-values.ts";

/** A label has two bytes. */
const MAX_LABEL = 0xffff;

/** Options of a campaign's jobs, beside its target: settings whose flags mean the same as a worker's. */
export const JOB_FLAGS = ["namespace", "layout", "check", "journal", "verify", "sidecars", "wal"] as const;

/** Where actors come from and which of them take part, as written. */
export interface SourceFlags {
  readonly scan?: boolean;
  readonly from?: string;
  readonly rejected?: boolean;
  readonly reason?: string;
  readonly label?: string;
  readonly minBytes?: string;
  readonly maxBytes?: string;
  readonly sample?: string | undefined;
}

/** How a campaign is run, as written. */
export interface SpecFlags extends SourceFlags {
  readonly order?: "small-first" | "scan";
  readonly deferLimit?: string;
  readonly breaker?: string;
  readonly breakerMin?: string;
}

/** Adds the flags of sources and filters, which `create` and `plan` share. */
export function addSource(command: Command): Command {
  return command
    .option("--scan", "all actors of the store that have v1 data; those that were rolled back stay on v1")
    .option(
      "--from <file>",
      "those of a list, or - for standard input: one id per line, # begins a comment; rolled back ones too",
    )
    .option("--rejected", "what the ledger calls rejected or failed")
    .option("--reason <reason>", "with --rejected: only for this reason")
    .option("--label <n>", "only actors of this datacenter label")
    .option("--min-bytes <size>", "only actors whose v1 file has at least this size, such as 64KiB")
    .option("--max-bytes <size>", "only actors whose v1 file has at most this size");
}

/** Adds the flags that only a campaign has. */
export function addSpec(command: Command): Command {
  return command
    .option("--sample <percent>", "only a fixed sample of the actors, the same at every try")
    .addOption(
      new Option("--order <order>", "small-first: small actors before large ones; scan: in the order of ids")
        .choices(["small-first", "scan"])
        .default("small-first"),
    )
    .option("--defer-limit <n>", `deferrals after which an actor is given up (default ${DEFAULT_DEFER_LIMIT})`)
    .option(
      "--breaker <percent>",
      `pause when more than this share of actors is rejected or failed, skipped ones left out (default ${DEFAULT_BREAKER.percent})`,
    )
    .option("--breaker-min <n>", `so many of them before the breaker judges (default ${DEFAULT_BREAKER.actors})`);
}

/** Whether any flag of a source was given. */
export function hasSource(flags: SourceFlags): boolean {
  return flags.scan === true || flags.from !== undefined || flags.rejected === true;
}

/** The source and the filters that were asked for. @throws UsageError, also when the list cannot be read. */
export async function readSource(flags: SourceFlags): Promise<{ source: CampaignSource; filters: CampaignFilters }> {
  const { label, minBytes, maxBytes, sample } = flags;
  const filters: CampaignFilters = {
    ...(label === undefined ? {} : { label: readCount("--label", label, 0, MAX_LABEL) }),
    ...(minBytes === undefined ? {} : { minBytes: readBytes("--min-bytes", minBytes) }),
    ...(maxBytes === undefined ? {} : { maxBytes: readBytes("--max-bytes", maxBytes) }),
    ...(sample === undefined ? {} : { samplePercent: readPercent("--sample", sample) }),
  };
  if ((filters.minBytes ?? 0) > (filters.maxBytes ?? Number.MAX_SAFE_INTEGER)) {
    throw new UsageError("--min-bytes is more than --max-bytes: no actor would take part.");
  }
  if (flags.from !== undefined) {
    await assertReadable(flags.from);
  }
  return { source: sourceOf(flags), filters };
}

/** The specification that was asked for, but for the options of its jobs. @throws UsageError */
export async function readSpec(flags: SpecFlags): Promise<Omit<CampaignSpec, "options">> {
  const { order = "small-first", deferLimit, breaker, breakerMin } = flags;
  return {
    ...(await readSource(flags)),
    order,
    deferLimit: deferLimit === undefined ? DEFAULT_DEFER_LIMIT : readCount("--defer-limit", deferLimit, 0),
    breaker: {
      percent: breaker === undefined ? DEFAULT_BREAKER.percent : readPercent("--breaker", breaker),
      actors: breakerMin === undefined ? DEFAULT_BREAKER.actors : readCount("--breaker-min", breakerMin),
    },
  };
}

function sourceOf({ scan, from, rejected, reason }: SourceFlags): CampaignSource {
  const given = [scan === true, from !== undefined, rejected === true].filter(Boolean).length;
  if (given !== 1) {
    throw new UsageError("A campaign has one source: give --scan, --from FILE or --rejected.");
  }
  if (reason !== undefined && rejected !== true) {
    throw new UsageError("--reason goes with --rejected.");
  }
  if (rejected === true) {
    return { kind: "rejected", ...(reason === undefined ? {} : { reason }) };
  }
  return { kind: scan === true ? "scan" : "list" };
}
