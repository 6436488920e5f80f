import type { Config } from "../config/config.ts";
import { SETTINGS, type SettingName } from "../config/settings.ts";
import { UsageError } from "../errors.ts";
import { assertFormatError } from "../formats/format-error.ts";
import { parseNamespaceId, type NamespaceId } from "../formats/namespace-id.ts";
import type { MigrationOptions } from "../migration/context.ts";
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
  "target",
  "namespace",
  "maxPages",
] as const satisfies readonly SettingName[];

type JobSetting = (typeof JOB_SETTINGS)[number];

/** The options that a producer's flags ask for. What its environment says is for workers. @throws UsageError */
export function requestOptions(config: Config): RequestOptions {
  const options: Record<string, string | number> = {};
  for (const name of JOB_SETTINGS) {
    const value = config[name];
    if (config.given.get(name) === "flag" && value !== undefined) {
      options[name] = value;
    }
  }
  namespaceOf(config);
  return options;
}

/**
 * How an attempt is made: the worker's configuration, and over it what the job asks for.
 * @throws UsageError for an option that this version does not know: its producer is newer.
 */
export function migrationOptions(config: Config, request?: RequestOptions): MigrationOptions {
  const options = effectiveConfig(config, request);
  return {
    layout: options.layout,
    smallImageBytes: options.smallBytes,
    maxImageBytes: options.maxBytes,
    leaseMs: options.leaseMs,
    verify: options.verify === "on",
    check: options.check,
    journal: options.journal,
    sidecars: options.sidecars,
    wal: options.wal,
  };
}

/** The configuration with a request's options over it. @throws UsageError as `migrationOptions` */
export function effectiveConfig(config: Config, request: RequestOptions = {}): Config {
  return { ...config, ...readRequest(request) };
}

/** The configured namespace. @throws UsageError for what is no id. */
export function namespaceOf({ namespace }: Pick<Config, "namespace">): NamespaceId | undefined {
  try {
    return namespace === undefined ? undefined : parseNamespaceId(namespace);
  } catch (error) {
    assertFormatError(error);
    throw new UsageError(`--namespace "${namespace ?? ""}" cannot be used: ${error.message}`);
  }
}

function readRequest(request: RequestOptions): Partial<Pick<Config, JobSetting>> {
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
