import { changeSettings } from "../../campaign/campaign-verbs.ts";
import { UsageError } from "../../errors.ts";
import type { Run } from "../run.ts";
import { authorOf, type ReasonFlag } from "./author.ts";
import { readLimits, type LimitFlags } from "./limit-options.ts";
import { settingsText } from "./settings-text.ts";

/** Flags of `ferry campaign set`; `--window` is a setting. */
export interface SetFlags extends LimitFlags, ReasonFlag {}

/** Changes the few settings of a campaign that may change: its window and its limits. */
export async function setSettings(run: Run, name: string, flags: SetFlags): Promise<undefined> {
  const nowMs = Date.now();
  const patch = {
    ...readLimits(flags, nowMs),
    ...(run.config.given.get("window") === "flag" ? { window: run.config.window } : {}),
  };
  if (Object.keys(patch).length === 0) {
    throw new UsageError("Nothing to set: give --window, --rate, --bytes-rate or --concurrent.");
  }
  const store = await run.openStore();
  const { settings } = await changeSettings(store, name, patch, { author: authorOf(run, flags), nowMs });
  await run.output.line(
    run.json
      ? JSON.stringify({ result: "changed", name, settings })
      : `campaign ${name}: ${settingsText(settings, nowMs)}`,
  );
}
