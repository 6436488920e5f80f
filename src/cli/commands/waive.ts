import type { Command } from "commander";
import { unwaiveActor, waiveActor, type Decision } from "../../campaign/rejects/waive.ts";
import { UsageError } from "../../errors.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import type { Store } from "../../store/store.ts";
import { addReason, authorOf, type ReasonFlag } from "../campaign/author.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { parseIdArgument } from "../ids.ts";
import type { Run, Runner } from "../run.ts";

type Verb = (store: Store, id: ActorId, decision: Decision) => Promise<keyof typeof SENTENCES>;

const SENTENCES = {
  waived: "waived: it stays on v1",
  already_waived: "was waived already",
  not_rejected: "is neither rejected nor failed, so there is nothing to waive",
  unwaived: "counts as rejected again; ferry requeue asks for it",
  unwaived_only: "is no longer waived; its newer outcome stands",
  not_waived: "is not waived",
} as const;

const HELP = `
A waived actor no longer counts as rejected anywhere: its outcome becomes "skipped waived" in the ledger and in its
campaign's counts, ferry rejected and the exit statuses leave it out, ferry requeue leaves it alone, and jobs skip it.
Who, when and why, and every outcome before, stay in its history: ferry rejected show ID.`;

/** `ferry waive` and `ferry unwaive`. */
export function registerWaive(program: Command, runner: Runner): void {
  const add = (name: string, description: string, verb: Verb): Command =>
    addReason(program.command(name).description(description).argument("<id...>", "actor ids")).action(
      (ids: string[], flags: ReasonFlag, self: Command) => runner.run(self, (run) => decide(run, ids, flags, verb)),
    );
  add("waive", "leave rejected actors on v1: decided, and no longer counted", waiveActor).addHelpText("after", HELP);
  add("unwaive", "take a waiver back: the actor is rejected again", unwaiveActor);
}

async function decide(run: Run, idTexts: readonly string[], flags: ReasonFlag, verb: Verb): Promise<ExitStatus> {
  const ids = [...new Set(idTexts.map(parseIdArgument))];
  const { who, reason } = authorOf(run, flags);
  if (reason === undefined && verb === waiveActor) {
    throw new UsageError('A waiver needs its reason: --reason-text "…".');
  }
  const store = await run.openStore();
  const decision: Decision = { who, at: new Date().toISOString(), why: reason ?? "no reason given" };
  let refused = 0;
  for (const id of ids) {
    const result = await verb(store, id, decision);
    refused += result.startsWith("not_") ? 1 : 0;
    await run.output.line(
      run.json ? JSON.stringify({ actorId: id, result, ...decision }) : `${id} ${SENTENCES[result]}`,
    );
  }
  return refused === 0 ? EXIT.done : EXIT.rejected;
}
