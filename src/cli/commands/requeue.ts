import { Option, type Command } from "commander";
import { REJECT_STATES, type RejectState } from "../../campaign/rejects/rejects.ts";
import { countRequeue, selectRequeue, type LeftAlone, type RequeueSelection } from "../../campaign/rejects/requeue.ts";
import { UsageError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import { readCount } from "../campaign/flag-values.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { parseIdArgument } from "../ids.ts";
import { JOB_SETTINGS } from "../migration-options.ts";
import { explainNothing } from "../nothing-found.ts";
import { addFilters, readFilter, type FilterFlags } from "../rejected/filter-options.ts";
import { confirmMany } from "../requeue/confirm-many.ts";
import { notingCampaigns } from "../requeue/noting-campaigns.ts";
import type { Run, Runner } from "../run.ts";
import { addJobSettings, addSettings } from "../setting-options.ts";
import { jobOptions } from "../targets/targets.ts";
import { campaignsOfTarget, targetsOfJobs } from "../targets/targets-of-actors.ts";

interface RequeueFlags extends FilterFlags {
  readonly state?: RejectState;
  readonly limit?: string;
  readonly canary?: string;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly yes?: boolean;
}

const HELP = `
Options such as --journal rollback apply to these jobs only. The target is that of the actors' campaign, which counts
what they come to; with another --target they are no longer the campaign's. Filters combine; waived actors are left alone.
With --canary N the first N are sent and waited for, and the rest only when all N migrated (else exit status 1).
More than 100 actors need an answer at a terminal, and --yes elsewhere. Every outcome before stays in the history.

  ferry requeue --reason journal_present --journal rollback --canary 5
  ferry requeue --fingerprint 3f2a9c0b11de --dry-run`;

/** `ferry requeue`. */
export function registerRequeue(program: Command, runner: Runner): void {
  const command = program
    .command("requeue")
    .description("put rejected or failed actors on the queue again: given ones, or all that match")
    .argument("[id...]", "actor ids");
  addFilters(command)
    .addOption(new Option("--state <state>", "those of this state").choices(REJECT_STATES))
    .option("--limit <n>", "at most so many")
    .option("--canary <n>", "send so many first, and the rest only when all of them migrated")
    .option("--dry-run", "only say how many there are")
    .option("--wait", "wait for the outcomes, and show progress")
    .option("--yes", "more than 100 without a question")
    .addHelpText("after", HELP)
    .action((ids: string[], flags: RequeueFlags, self: Command) => runner.run(self, (run) => requeue(run, ids, flags)));
  addJobSettings(addSettings(command, "window"), ...JOB_SETTINGS);
}

async function requeue(run: Run, ids: readonly string[], flags: RequeueFlags): Promise<ExitStatus> {
  const selection = readSelection(ids, flags, Date.now());
  const canary = flags.canary === undefined ? 0 : readCount("--canary", flags.canary);
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  if (flags.dryRun === true) {
    return sayDryRun(run, store, selection);
  }
  const campaigns = new Set<string | undefined>();
  const counts = await countRequeue(notingCampaigns(selectRequeue(store, selection), campaigns));
  if (counts.length === 0) {
    await explainNothing(run, store, flags);
  }
  const options = await jobOptions(run.config, store);
  const targetOf = targetsOfJobs(run, store, options);
  // What is to be said of their targets is said before the question.
  await Promise.all([...campaigns].map(targetOf));
  await confirmMany(
    run,
    counts.reduce((sum, { actors }) => sum + actors, 0),
    flags.yes === true,
  );
  const left: LeftAlone = { waived: 0, others: 0 };
  const outcomes = selectRequeue(store, selection, left);
  const { requeueActors } = await import("../requeue/requeue-actors.ts");
  const status = await requeueActors(run, {
    ...{ store, outcomes, options, canary, wait: flags.wait === true },
    otherwise: (previous) => targetOf(previous?.campaign),
    campaigns: await campaignsOfTarget(store, campaigns, options["target"]),
  });
  sayLeft(run, left);
  return status;
}

/** @throws UsageError when nothing says which actors. */
function readSelection(idTexts: readonly string[], flags: RequeueFlags, nowMs: number): RequeueSelection {
  const { reason, fingerprint, campaign, olderThan, newerThan, state } = flags;
  if (
    idTexts.length === 0 &&
    [reason, fingerprint, campaign, olderThan, newerThan, state].every((flag) => flag === undefined)
  ) {
    throw new UsageError(
      "Nothing to requeue: give actor ids, --reason or --state, --fingerprint, --campaign, --older-than or --newer-than.",
    );
  }
  const filter = readFilter(flags, nowMs);
  return {
    ids: idTexts.map(parseIdArgument),
    states: state === undefined ? REJECT_STATES : [state],
    // An actor that is rejected again while this walks the ledger must not be found once more under its new reason.
    filter: { ...filter, beforeMs: filter.beforeMs ?? nowMs + 1 },
    limit: flags.limit === undefined ? Number.MAX_SAFE_INTEGER : readCount("--limit", flags.limit, 0),
  };
}

async function sayDryRun(run: Run, store: Store, selection: RequeueSelection): Promise<ExitStatus> {
  const left: LeftAlone = { waived: 0, others: 0 };
  const counts = await countRequeue(selectRequeue(store, selection, left));
  if (counts.length === 0) {
    await explainNothing(run, store, selection.filter);
  }
  for (const count of counts) {
    await run.output.line(
      run.json ? JSON.stringify(count) : `would requeue ${count.actors} ${count.state} ${count.reason}`,
    );
  }
  if (counts.length === 0 && !run.json) {
    await run.output.line("would requeue 0");
  }
  sayLeft(run, left);
  return EXIT.done;
}

function sayLeft(run: Run, { waived, others }: LeftAlone): void {
  if (waived > 0) {
    run.notes.say(`${waived} of the given actors are waived, and were left alone: ferry unwaive takes that back.`);
  }
  if (others > 0) {
    run.notes.say(
      `${others} of the given actors are neither rejected nor failed, or not what the filters ask for, and were left alone: deferred ones are asked again by ferry enqueue, skipped ones by ferry enqueue --force.`,
    );
  }
}
