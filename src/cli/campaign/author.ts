import { userInfo } from "node:os";
import type { Command } from "commander";
import type { Author } from "../../campaign/campaign-history.ts";
import type { Run } from "../run.ts";

/** The flag of every command that changes something. */
export interface ReasonFlag {
  readonly reasonText?: string;
}

/** Adds `--reason-text`. */
export function addReason(command: Command): Command {
  return command.option("--reason-text <text>", "why, for the history");
}

/** Who asks, and why: FERRY_USER, where a service asks for someone, else the user of this process. */
export function authorOf(run: Run, flags: ReasonFlag): Author {
  const reason = flags.reasonText?.trim() ?? "";
  return { who: run.config.user ?? systemUser(), ...(reason === "" ? {} : { reason }) };
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user id need not have a name.
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
