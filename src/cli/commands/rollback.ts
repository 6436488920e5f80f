import type { Command } from "commander";
import { rollbackLedger } from "../../campaign/ledger/rollback-ledger.ts";
import type { Author } from "../../campaign/campaign-history.ts";
import { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import { rollbackActor } from "../../migration/rollback-actor.ts";
import { saidCounts, type ResultCounts } from "../after/result-counts.ts";
import {
  addSelection,
  commandContext,
  readSelection,
  selectActors,
  type SelectionFlags,
} from "../after/selected-actors.ts";
import { inHistory } from "../after/work-history.ts";
import { addReason, authorOf, type ReasonFlag } from "../campaign/author.ts";
import { confirmName } from "../confirm-name.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import type { Run, Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";

interface RollbackFlags extends SelectionFlags, ReasonFlag {
  readonly dryRun?: boolean;
}

/** `ferry rollback`. */
export function registerRollback(program: Command, runner: Runner): void {
  const command = program
    .command("rollback")
    .description("take migrated actors back to v1: only those asleep whose v2 has had no write since");
  addReason(addSelection(command))
    .option("--dry-run", "only say what would happen")
    .option("--confirm <name>", "the campaign's name, where nobody can be asked")
    .action((ids: string[], flags: RollbackFlags, self: Command) =>
      runner.run(self, (run) => rollback(run, ids, flags)),
    )
    .addHelpText(
      "after",
      `
v1 rows were never changed, so nothing is restored: v2's rows go. Exit status 1 when some were refused: written_since, as going back would
lose what v2 has got since; v2_unreadable, as that cannot be told; actor_awake and migration_in_progress, for now; no_v1_data, after a
cleanup; v1_unreadable, as v2 is then the only copy; not_migrated; superseded, as it was brought to Depot since; and on Depot destroyed,
engine_took_over, and in_use by a fork or a restore point.
Who did it, and why, is in each actor's outcome (ferry inspect ID), and with --campaign in that campaign's history.`,
    );
  addSettings(command, "target", "namespace");
}

async function rollback(run: Run, ids: readonly string[], flags: RollbackFlags): Promise<ExitStatus> {
  const dryRun = flags.dryRun === true;
  const selection = await readSelection(run, ids, flags);
  // Not with batch priority: it takes back what is in use, and whoever needs it cannot wait for a quiet cluster.
  const store = await run.openStore({ readOnly: dryRun });
  const actors = selectActors(store, selection);
  // The checker starts no thread: a rollback checks nothing.
  const context = {
    ...(await commandContext(run, store, selection, new IntegrityChecker())),
    ledger: rollbackLedger(),
  };
  if (flags.campaign !== undefined && !dryRun) {
    const question = `This takes every actor that campaign "${flags.campaign}" migrated back to v1. Try --dry-run first.`;
    await confirmName(run, flags.campaign, flags.confirm, question);
  }
  const author = authorOf(run, flags);
  const deed = { store, campaign: dryRun ? undefined : flags.campaign, what: "rollback", author } as const;
  const options = { dryRun, detail: detailOf(author) };
  const counts = await saidCounts(run, { end: endOf, changes: !dryRun }, (counted) =>
    inHistory(deed, counted, async () => {
      for await (const id of actors) {
        run.signal.throwIfAborted();
        const result = await rollbackActor(context, id, options, run.signal);
        const what = result.kind === "refused" ? result.reason : dryRun ? "would_roll_back" : "rolled_back";
        counted.add(what);
        await run.output.line(run.json ? JSON.stringify({ actorId: id, result: what }) : `${id} ${what}`);
      }
    }),
  );
  const refused = counts.total - counts.of("rolled_back") - counts.of("would_roll_back");
  return refused > 0 ? EXIT.rejected : EXIT.done;
}

/** What the ledger says of an actor that is taken back. */
function detailOf({ who, reason }: Author): string {
  return `Rolled back by ${who}${reason === undefined ? "." : `: ${reason}`}`;
}

function endOf({ text }: ResultCounts): string {
  return text || "No actors.";
}
