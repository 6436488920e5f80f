import { Option, type Command } from "commander";
import { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import { verifyActor, type Verification } from "../../migration/verify-actor.ts";
import { commandContext, selectActors } from "../after/selected-actors.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { migrationOptions } from "../migration-options.ts";
import type { Run, Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";

interface VerifyFlags {
  readonly campaign?: string;
  readonly check: "quick" | "full";
}

/** `ferry verify`. */
export function registerVerify(program: Command, runner: Runner): void {
  const command = program
    .command("verify")
    .description("compare migrated actors with v1 while that means something, and have SQLite check v2; writes nothing")
    .argument("[id...]", "actor ids")
    .option("--campaign <name>", "all actors that a campaign migrated")
    .addOption(new Option("--check <how>", "SQLite's check").choices(["quick", "full"]).default("full"))
    .action((ids: string[], flags: VerifyFlags, self: Command) => runner.run(self, (run) => verify(run, ids, flags)))
    .addHelpText("after", "\nExit status 1 when an actor differs, is damaged, or has no v2 image.");
  addSettings(command, "target", "namespace");
}

async function verify(run: Run, ids: readonly string[], flags: VerifyFlags): Promise<ExitStatus> {
  const store = await run.openStore({ readOnly: true });
  const selection = { ids, campaign: flags.campaign };
  const actors = selectActors(store, selection);
  const checker = new IntegrityChecker();
  const counts = { good: 0, bad: 0 };
  try {
    const context = await commandContext(run, store, selection, checker);
    for await (const id of actors) {
      run.signal.throwIfAborted();
      const found = await verifyActor(context, id, migrationOptions(run.config), flags.check, run.signal);
      const good = found !== undefined && found.comparison !== "different" && found.integrity === "ok";
      counts[good ? "good" : "bad"] += 1;
      await run.output.line(
        run.json
          ? JSON.stringify({ actorId: id, ok: good, ...(found ?? { comparison: "no_v2_image" }) })
          : textOf(id, found),
      );
    }
  } finally {
    await checker.close();
  }
  if (!run.json) {
    run.notes.say(`${counts.good} good, ${counts.bad} bad.`);
  }
  return counts.bad === 0 ? EXIT.done : EXIT.rejected;
}

const COMPARISONS: Record<Verification["comparison"], string> = {
  same: "v2 is v1, byte for byte",
  different: "v2 DIFFERS from v1",
  no_v1_data: "not compared: v1 is gone",
  written_since: "not compared: v2 has had writes since",
  not_migrated: "not compared: Ferry did not migrate it",
};

function textOf(id: string, found: Verification | undefined): string {
  if (found === undefined) {
    return `${id} has no v2 image`;
  }
  const integrity =
    found.integrity === "ok" ? "SQLite finds it sound" : `${found.integrity}: ${found.lines.join("; ")}`;
  return `${id} ${found.pages} pages; ${COMPARISONS[found.comparison]}; ${integrity}`;
}
