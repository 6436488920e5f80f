import { Option, type Command } from "commander";
import { listOutcomes } from "../../campaign/ledger/ledger.ts";
import { OUTCOME_STATES, type OutcomeState } from "../../migration/outcome.ts";
import { formatOutcomeJson, formatOutcomeRow, outcomeTableHead } from "../outcome-line.ts";
import { explainNothing } from "../nothing-found.ts";
import type { Run, Runner } from "../run.ts";

interface Filter {
  readonly state?: OutcomeState;
  readonly reason?: string;
}

/** `ferry outcomes`. */
export function registerOutcomes(program: Command, runner: Runner): void {
  program
    .command("outcomes")
    .description("what became of the actors, by the ledger in the store")
    .addOption(new Option("--state <state>", "only outcomes of this state").choices(OUTCOME_STATES))
    .option("--reason <reason>", "only outcomes with this reason")
    .action((filter: Filter, command: Command) => runner.run(command, (run) => outcomes(run, filter)));
}

async function outcomes(run: Run, filter: Filter): Promise<undefined> {
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  let count = 0;
  for await (const outcome of listOutcomes(store, filter)) {
    run.signal.throwIfAborted();
    if (count === 0 && !run.json) {
      await run.output.line(outcomeTableHead());
    }
    count += 1;
    await run.output.line(run.json ? formatOutcomeJson(outcome) : formatOutcomeRow(outcome));
  }
  if (count === 0) {
    await explainNothing(run, store, { reason: filter.reason });
  }
  if (!run.json) {
    run.notes.say(count === 1 ? "1 outcome." : `${count} outcomes.`);
  }
}
