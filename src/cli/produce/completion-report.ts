import type { Completion } from "../../campaign/enqueue/completion.ts";
import type { EnqueueCounts } from "../../campaign/enqueue/enqueue.ts";
import { tableLines } from "../campaign/table.ts";
import { countFields, countText } from "./produce-counts.ts";
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
    await run.output.lines(completionTable(completion));
  }
  if (byState.deferred > 0) {
    run.notes.say(`Deferred: ${byState.deferred}. They stay queued and are tried again by themselves.`);
  }
  if (pending > 0) {
    run.notes.say(`Without an outcome though the queue is empty: ${pending}. Enqueue them again.`);
  }
}

/** Actors by state and reason, most first within a state. */
function completionTable({ byReason, pending }: Pick<Completion, "byReason" | "pending">): string[] {
  const columns = [{ title: "STATE" }, { title: "REASON" }, { title: "ACTORS", right: true }];
  const sorted = [...byReason].sort((a, b) => a.state.localeCompare(b.state) || b.actors - a.actors);
  const rows = sorted.map(({ state, reason, actors }) => [state, reason, String(actors)]);
  return tableLines(columns, pending > 0 ? [...rows, ["pending", "", String(pending)]] : rows);
}
