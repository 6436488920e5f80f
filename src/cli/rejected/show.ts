import { fingerprintOf } from "../../campaign/rejects/fingerprint.ts";
import { readHistory, readOutcome } from "../../campaign/ledger/ledger.ts";
import { findReject } from "../../campaign/rejects/rejects.ts";
import { readWaivers, type WaiverEvent } from "../../campaign/rejects/waive.ts";
import { formatByteSize } from "../../config/byte-size.ts";
import { UsageError } from "../../errors.ts";
import { parseIdArgument } from "../ids.ts";
import { outcomeFields, outcomeText } from "../outcome-line.ts";
import type { Run } from "../run.ts";
import { adviceFor, runbookOf } from "./advice.ts";

/** Shows all attempts at an actor and what can be done. */
export async function showRejected(run: Run, idText: string): Promise<undefined> {
  const id = parseIdArgument(idText);
  const store = await run.openStore({ readOnly: true });
  const outcome = await readOutcome(store, id);
  if (outcome === undefined) {
    throw new UsageError(`Nothing is recorded of actor ${id}: ferry inspect ${id} says what the store has.`);
  }
  const history = await readHistory(store, id);
  const { events } = await readWaivers(store, id);
  const reject = await findReject(store, id);
  const runbook = runbookOf(outcome);
  const advice = reject === undefined ? [] : adviceFor(outcome);
  if (run.json) {
    await run.output.line(
      JSON.stringify({
        ...outcomeFields(outcome),
        ...(reject === undefined ? {} : { v1Bytes: reject.bytes, fingerprint: reject.fingerprint }),
        history: history.map(outcomeFields),
        waivers: events,
        advice,
        runbook,
      }),
    );
    return;
  }
  const lines = [
    field("actor", id),
    field("outcome", outcomeText(outcome)),
    ...(outcome.detail === undefined ? [] : [field("detail", outcome.detail)]),
    ...(reject === undefined
      ? [field("note", "It does not count as rejected.")]
      : [field("v1 size", formatByteSize(reject.bytes)), field("cause", fingerprintOf(outcome))]),
    ...history.toReversed().flatMap((older) => [field("before", outcomeText(older))]),
    ...events.toReversed().map((event) => field("decision", eventText(event))),
    ...advice.map((line, index) => field(index === 0 ? "can do" : "", line)),
    ...(runbook === undefined ? [] : [field("runbook", runbook)]),
  ];
  await run.output.line(lines.join("\n"));
}

function eventText({ action, at, who, why }: WaiverEvent): string {
  return `${action} at ${at} by ${who}: ${why}`;
}

function field(name: string, value: string): string {
  return `${name.padEnd(9)} ${value}`;
}
