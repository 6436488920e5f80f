import { Option, type Command } from "commander";
import type { Flags } from "../config/config.ts";
import { SETTINGS, type SettingName } from "../config/settings.ts";
import type { Setting } from "../config/setting.ts";

/** Commander's option for a setting; their names differ (`--redis` is `redisUrl`), and other commands use the same flags otherwise. */
export class SettingOption extends Option {
  readonly setting: SettingName;

  constructor(name: SettingName, otherwise = otherwiseOf(SETTINGS[name])) {
    const setting: Setting<unknown> = SETTINGS[name];
    super(setting.flag ?? "", `${setting.meaning} (${otherwise})`);
    this.setting = name;
  }
}

/** What holds where the flag is not given. */
function otherwiseOf({ env, fallbackText }: Setting<unknown>): string {
  return `${env}${fallbackText === "" ? "" : `; default ${fallbackText}`}`;
}

/** Adds flags that a command gives to its jobs. They win over what workers have; the environment of the command itself says nothing to them. */
export function addJobSettings(command: Command, ...names: readonly SettingName[]): Command {
  for (const name of names) {
    command.addOption(new SettingOption(name, "default: as the worker is configured"));
  }
  return command;
}

/** Adds the flags of these settings to a command. Their values stay texts; `loadConfig` reads them. */
export function addSettings(command: Command, ...names: readonly SettingName[]): Command {
  for (const name of names) {
    command.addOption(new SettingOption(name));
  }
  return command;
}

/** The settings' flags that were given, to this command or to one above it. */
export function givenFlags(command: Command): Flags {
  const given: Partial<Record<SettingName, string>> = {};
  for (let at: Command | null = command; at !== null; at = at.parent) {
    for (const option of at.options) {
      const value: unknown = at.getOptionValue(option.attributeName());
      if (option instanceof SettingOption && typeof value === "string") {
        given[option.setting] = value;
      }
    }
  }
  return given;
}
