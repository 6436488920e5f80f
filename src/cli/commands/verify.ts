import { Option, type Command } from "commander";
import { plural } from "../../campaign/plural.ts";
import { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import { isBad, verifyActor, type ImageVerification, type Verification } from "../../migration/verify-actor.ts";
import { saidCounts, type ResultCounts } from "../after/result-counts.ts";
import {
  addSelection,
  commandContext,
  readSelection,
  selectActors,
  type SelectionFlags,
} from "../after/selected-actors.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import type { Run, Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";

interface VerifyFlags extends SelectionFlags {
  readonly check: "quick" | "full";
}

const HELP = `
Exit status 1 when an actor differs, is damaged, cannot be read or has no v2 image, when v1 was written after the migration, which then
is not in v2, or when an old runner has the actor now and may write v1. One that was rolled back, destroyed or not migrated has no v2 image,
one of target storage that was brought to Depot since has another, and that is no failure: it is counted apart. Actors may run meanwhile: one
that seems bad and was written while it was read is read again.`;

/** `ferry verify`. */
export function registerVerify(program: Command, runner: Runner): void {
  const command = program
    .command("verify")
    .description(
      "compare migrated actors with v1 while that means something, and have SQLite check v2; writes nothing",
    );
  addSelection(command)
    .addOption(new Option("--check <how>", "SQLite's check").choices(["quick", "full"]).default("full"))
    .action((ids: string[], flags: VerifyFlags, self: Command) => runner.run(self, (run) => verify(run, ids, flags)))
    .addHelpText("after", HELP);
  addSettings(command, "target", "namespace");
}

async function verify(run: Run, ids: readonly string[], flags: VerifyFlags): Promise<ExitStatus> {
  const selection = await readSelection(run, ids, flags);
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  const actors = selectActors(store, selection);
  const checker = new IntegrityChecker();
  const counts = await saidCounts(run, { end: endOf, changes: false, always: ["good", "bad"] }, async (counted) => {
    try {
      const context = await commandContext(run, store, selection, checker);
      for await (const id of actors) {
        run.signal.throwIfAborted();
        const found = await verifyActor(context, id, flags.check, run.signal);
        const result = resultOf(found);
        counted.add(result);
        await run.output.line(
          run.json ? JSON.stringify({ actorId: id, ok: result !== "bad", ...found }) : textOf(id, found),
        );
      }
    } finally {
      await checker.close();
    }
  });
  return counts.of("bad") === 0 ? EXIT.done : EXIT.rejected;
}

/** Actors that have no image that counts, and rightly so, are counted apart. */
const APART = {
  rolled_back: "rolled back",
  destroyed: "destroyed",
  on_v1: "on v1",
  superseded: "brought to Depot since",
} as const;

function resultOf(found: Verification): string {
  if (isBad(found)) {
    return "bad";
  }
  return isOfImage(found) || found.comparison === "no_v2_image" ? "good" : APART[found.comparison];
}

function endOf(counts: ResultCounts): string {
  const all = Object.values(APART).find((result) => counts.of(result) > 0 && counts.of(result) === counts.total);
  return all === undefined ? `${counts.text}.` : `${plural(counts.total, "actor")} ${all}, and no other to verify.`;
}

function isOfImage(found: Verification): found is ImageVerification {
  return "integrity" in found;
}

const COMPARISONS: Record<Verification["comparison"], string> = {
  same: "v2 is v1, byte for byte",
  different: "v2 DIFFERS from what was migrated",
  v1_changed: "v1 is NOT what was migrated, and v2 does not have that",
  runs_on_v1: "an old runner has it RUNNING ON V1, and v2 will not have what that writes",
  v2_unreadable: "not compared: v2 cannot be read",
  no_v1_data: "not compared: v1 is gone",
  written_since: "not compared: v2 has had writes since",
  not_migrated: "not compared: Ferry did not migrate it",
  rolled_back: "not compared: it was rolled back",
  destroyed: "not compared: it was destroyed",
  on_v1: "not compared: it was not migrated, and is on v1",
  superseded: "not compared: it was brought to Depot since",
  no_v2_image: "has no v2 image",
};

function textOf(id: string, found: Verification): string {
  if (!isOfImage(found)) {
    return `${id} ${COMPARISONS[found.comparison]}`;
  }
  const pages = found.pages === undefined ? "" : ` ${found.pages} pages;`;
  const detail = found.detail === undefined ? "" : ` (${found.detail.replace(/\.$/, "")})`;
  return `${id}${pages} ${COMPARISONS[found.comparison]}${detail}; ${integrityOf(found)}`;
}

function integrityOf({ integrity, lines }: ImageVerification): string {
  switch (integrity) {
    case "ok":
      return "SQLite finds it sound";
    case "unchecked":
      return "not checked: it was written each time that it was read";
    case "failed":
    case "unreadable":
      return `${integrity}: ${lines.join("; ")}`;
  }
}
