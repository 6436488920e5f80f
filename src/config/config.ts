import { readFileSync } from "node:fs";
import { UsageError } from "../errors.ts";
import { SETTINGS, type SettingName } from "./settings.ts";
import type { Setting } from "./setting.ts";

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** Every setting with its value. */
export type Config = { readonly [K in SettingName]: ValueOf<(typeof SETTINGS)[K]> } & {
  /** Where the settings come from that are not at their default. */
  readonly given: ReadonlyMap<SettingName, "flag" | "environment">;
};

/** Environment variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Flags that were given, as they were written. */
export type Flags = Readonly<Partial<Record<SettingName, string | undefined>>>;

/**
 * The configuration: flags beat the environment, the environment beats the defaults; an empty variable counts as not set.
 * @throws UsageError for a value that cannot be read, naming the flag or variable and what to write instead.
 */
export function loadConfig(environment: Environment, flags: Flags = {}): Config {
  const values: Record<string, unknown> = {};
  const given = new Map<SettingName, "flag" | "environment">();
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const setting: Setting<unknown> = SETTINGS[name];
    const found = givenValue(setting, environment, flags[name]);
    if (found === undefined) {
      values[name] = setting.fallback;
      continue;
    }
    const parsed = setting.parse(found.text);
    if ("expected" in parsed) {
      const shown = setting.secret === true ? "" : ` "${found.text}"`;
      throw new UsageError(`${found.source}${shown} cannot be used: write ${parsed.expected}.`);
    }
    values[name] = parsed.value;
    given.set(name, flags[name] === undefined ? "environment" : "flag");
  }
  // Every key of SETTINGS was given a value of its own parser above.
  return Object.freeze({ ...values, given }) as unknown as Config;
}

function givenValue(
  setting: Setting<unknown>,
  environment: Environment,
  flag: string | undefined,
): { source: string; text: string } | undefined {
  if (flag !== undefined) {
    return { source: setting.flag?.split(" ")[0] ?? setting.env, text: flag };
  }
  const direct = environment[setting.env];
  const fileVariable = `${setting.env}_FILE`;
  const file = setting.secret === true ? environment[fileVariable] : undefined;
  if (direct !== undefined && direct !== "") {
    if (file !== undefined && file !== "") {
      throw new UsageError(`${setting.env} and ${fileVariable} are both set: leave one of them out.`);
    }
    return { source: setting.env, text: direct };
  }
  return file === undefined || file === "" ? undefined : { source: fileVariable, text: readSecret(fileVariable, file) };
}

/** Editors end files with a line break; secrets do not. */
function readSecret(variable: string, file: string): string {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    throw new UsageError(`The file ${file} that ${variable} names cannot be read.`, { cause });
  }
}
