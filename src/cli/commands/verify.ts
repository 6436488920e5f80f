import { Option, type Command } from "commander";
import { plural } from "../../campaign/plural.ts";
import { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import { verifyActor, type ImageVerification, type Verification } from "../../migration/verify-actor.ts";
import { saidCounts, type ResultCounts } from "../after/result-counts.ts";
import { commandContext, selectActors } from "../after/selected-actors.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { migrationOptions } from "../migration-options.ts";
import type { Run, Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";

interface VerifyFlags {
  readonly campaign?: string;
  readonly check: "quick" | "full";
}

const HELP = `
Exit status 1 when an actor differs, is damaged, or has no v2 image. One that was rolled back has none, and that is no failure: it is
counted apart until it is migrated again.`;

/** `ferry verify`. */
export function registerVerify(program: Command, runner: Runner): void {
  const command = program
    .command("verify")
    .description("compare migrated actors with v1 while that means something, and have SQLite check v2; writes nothing")
    .argument("[id...]", "actor ids")
    .option("--campaign <name>", "all actors that a campaign migrated")
    .addOption(new Option("--check <how>", "SQLite's check").choices(["quick", "full"]).default("full"))
    .action((ids: string[], flags: VerifyFlags, self: Command) => runner.run(self, (run) => verify(run, ids, flags)))
    .addHelpText("after", HELP);
  addSettings(command, "target", "namespace");
}

async function verify(run: Run, ids: readonly string[], flags: VerifyFlags): Promise<ExitStatus> {
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  const selection = { ids, campaign: flags.campaign };
  const actors = selectActors(store, selection);
  const checker = new IntegrityChecker();
  const counts = await saidCounts(run, { end: endOf, changes: false, always: ["good", "bad"] }, async (counted) => {
    try {
      const context = await commandContext(run, store, selection, checker);
      for await (const id of actors) {
        run.signal.throwIfAborted();
        const found = await verifyActor(context, id, migrationOptions(run.config), flags.check, run.signal);
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

function resultOf(found: Verification): "good" | "bad" | "rolled back" {
  if (!isOfImage(found)) {
    return found.comparison === "rolled_back" ? "rolled back" : "bad";
  }
  return found.comparison !== "different" && found.integrity === "ok" ? "good" : "bad";
}

function endOf(counts: ResultCounts): string {
  const rolledBack = counts.of("rolled back");
  return rolledBack > 0 && rolledBack === counts.total
    ? `${plural(rolledBack, "actor")} rolled back, and no other to verify.`
    : `${counts.text}.`;
}

function isOfImage(found: Verification): found is ImageVerification {
  return "integrity" in found;
}

const COMPARISONS: Record<Verification["comparison"], string> = {
  same: "v2 is v1, byte for byte",
  different: "v2 DIFFERS from v1",
  no_v1_data: "not compared: v1 is gone",
  written_since: "not compared: v2 has had writes since",
  not_migrated: "not compared: Ferry did not migrate it",
  rolled_back: "not compared: it was rolled back",
  no_v2_image: "has no v2 image",
};

function textOf(id: string, found: Verification): string {
  if (!isOfImage(found)) {
    return `${id} ${COMPARISONS[found.comparison]}`;
  }
  const integrity =
    found.integrity === "ok" ? "SQLite finds it sound" : `${found.integrity}: ${found.lines.join("; ")}`;
  return `${id} ${found.pages} pages; ${COMPARISONS[found.comparison]}; ${integrity}`;
}
