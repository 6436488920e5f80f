import type { Config } from "../config/config.ts";
import { SETTINGS, type SettingName } from "../config/settings.ts";
import { UsageError } from "../errors.ts";
import type { MigrationOptions } from "../migration/context.ts";
import { chooseTarget } from "../migration/targets/choose-target.ts";
import { makeDepotTarget } from "../migration/targets/depot/depot-target.ts";
import { storageTarget } from "../migration/targets/storage/storage-target.ts";
import type { Store } from "../store/store.ts";
import type { Target } from "../migration/targets/target.ts";
import type { RequestOptions } from "../queue/migration-request.ts";

/** Settings that a producer can give to its jobs; a job's own win over the worker's. */
export const JOB_SETTINGS = [
  "layout",
  "check",
  "verify",
  "journal",
  "sidecars",
  "wal",
  "maxBytes",
] as const satisfies readonly SettingName[];

type JobSetting = (typeof JOB_SETTINGS)[number];
type JobOptions = Pick<Config, JobSetting>;

/** The options that a producer's flags ask for. What its environment says is for workers. @throws UsageError */
export function requestOptions(config: Config): RequestOptions {
  const options: Record<string, string | number> = {};
  for (const name of JOB_SETTINGS) {
    if (config.given.get(name) === "flag") {
      options[name] = config[name];
    }
  }
  return options;
}

/**
 * How an attempt is made: the worker's configuration, and over it what the job asks for.
 * @throws UsageError for an option that this version does not know: its producer is newer.
 */
export function migrationOptions(config: Config, request: RequestOptions = {}): MigrationOptions {
  const options: JobOptions = { ...config, ...readRequest(request) };
  return {
    layout: options.layout,
    smallImageBytes: config.smallBytes,
    maxImageBytes: options.maxBytes,
    leaseMs: config.leaseMs,
    verify: options.verify === "on",
    check: options.check,
    journal: options.journal,
    sidecars: options.sidecars,
    wal: options.wal,
  };
}

/** The form of v2 that the configuration names, or with `auto` the one the cluster holds. @throws UsageError where that cannot be told. */
export async function targetFor(config: Config, store: Store): Promise<Target> {
  const choice = await chooseTarget(store, config.target);
  return choice === "storage"
    ? storageTarget
    : makeDepotTarget({ now: Date.now, runnersDrained: config.runnersDrained === "yes" });
}

function readRequest(request: RequestOptions): Partial<JobOptions> {
  return Object.fromEntries(
    Object.entries(request).map(([key, value]) => {
      const name = JOB_SETTINGS.find((known) => known === key);
      const parsed = name === undefined ? undefined : SETTINGS[name].parse(String(value));
      if (name === undefined || parsed === undefined || "expected" in parsed) {
        throw new UsageError("The job asks for an option that this worker does not know: upgrade the worker.", {
          details: { option: key, value },
        });
      }
      return [name, parsed.value];
    }),
  );
}
