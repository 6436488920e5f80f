import Table from "cli-table3";
import type { Completion } from "../../campaign/completion.ts";
import type { EnqueueCounts } from "../../campaign/enqueue.ts";
import { countFields, countText } from "../produce-counts.ts";
import type { Run } from "../run.ts";

/** What became of the requests and of the actors: one line of JSON, or counts and a table by state and reason. */
export async function sayCompletion(run: Run, counts: EnqueueCounts, completion: Completion): Promise<void> {
  const { byState, pending } = completion;
  if (run.json) {
    await run.output.line(JSON.stringify({ ...countFields(counts), ...byState, pending }));
    return;
  }
  await run.output.line(countText(counts));
  if (completion.total > 0) {
    await run.output.line(completionTable(completion));
  }
  if (byState.deferred > 0) {
    run.notes.say(`Deferred: ${byState.deferred}. They stay queued and are tried again by themselves.`);
  }
  if (pending > 0) {
    run.notes.say(`Without an outcome though the queue is empty: ${pending}. Enqueue them again.`);
  }
}

/** Actors by state and reason, most first within a state. */
export function completionTable({ byReason, pending }: Pick<Completion, "byReason" | "pending">): string {
  const table = new Table({
    head: ["STATE", "REASON", "ACTORS"],
    colAligns: ["left", "left", "right"],
    style: { head: [], border: [], compact: true },
  });
  const rows = [...byReason].sort((a, b) => a.state.localeCompare(b.state) || b.actors - a.actors);
  table.push(...rows.map(({ state, reason, actors }) => [state, reason, actors]));
  if (pending > 0) {
    table.push(["pending", "", pending]);
  }
  return table.toString();
}
