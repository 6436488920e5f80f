import { Option, type Command } from "commander";
import { REJECT_STATES } from "../../campaign/rejects/rejects.ts";
import { exportEvidence, type ExportFlags } from "../rejected/export.ts";
import { addFilters, addSizeFilters, type FilterFlags } from "../rejected/filter-options.ts";
import { groupRejected } from "../rejected/group.ts";
import { listRejected, type ListFlags } from "../rejected/list.ts";
import { showRejected } from "../rejected/show.ts";
import type { Runner } from "../run.ts";
import { STANDARD } from "../files.ts";

/** `ferry rejected …`. */
export function registerRejected(program: Command, runner: Runner): void {
  const rejected = program
    .command("rejected")
    .description("work through the actors that were not migrated: list, group, show, export evidence");
  const state = (): Option =>
    new Option("--state <state>", "what became of them").choices(REJECT_STATES).default("rejected");
  addSizeFilters(addFilters(rejected.command("list").description("rejected actors, by reason")))
    .addOption(state())
    .option("--limit <n>", "at most so many", "1000")
    .option("--after <place>", "go on behind this place, as the page before said")
    .addHelpText("after", "\nWaived actors are not listed: ferry outcomes --reason waived has them.")
    .action((flags: ListFlags, self: Command) => runner.run(self, (run) => listRejected(run, flags)));
  addSizeFilters(addFilters(rejected.command("group").description("rejected actors by cause, with an example each")))
    .addOption(state())
    .action((flags: FilterFlags & Pick<ListFlags, "state">, self: Command) =>
      runner.run(self, (run) => groupRejected(run, flags)),
    );
  rejected
    .command("show")
    .description("all attempts at an actor, what can be done about it, and its runbook")
    .argument("<id>", "actor id")
    .action((id: string, _flags: unknown, self: Command) => runner.run(self, (run) => showRejected(run, id)));
  rejected
    .command("export")
    .description("write an evidence bundle of an actor: keys, sizes, digests, headers; no content of pages")
    .argument("<id>", "actor id")
    .option("-o, --output <file>", "file to write, or - for standard output", STANDARD)
    .option("--include-pages", "with the content of pages, which is the actor's data")
    .addHelpText("after", "\nRead it with: ferry inspect --bundle FILE")
    .action((id: string, flags: ExportFlags, self: Command) =>
      runner.run(self, (run) => exportEvidence(run, id, flags)),
    );
}
