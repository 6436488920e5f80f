import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { TokenBucket } from "../../campaign/feeder/token-bucket.ts";
import { UsageError } from "../../errors.ts";
import { cleanupActor, type CleanupOptions, type CleanupRefusal } from "../../migration/cleanup-actor.ts";
import type { MigrationContext } from "../../migration/context.ts";
import { holdsDepot } from "../../migration/targets/choose-target.ts";
import { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import { parseDuration } from "../../config/duration.ts";
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

interface CleanupFlags extends SelectionFlags, ReasonFlag {
  readonly delete?: boolean;
  readonly hold: string;
  readonly rate: string;
}

const WAIT_MS = 200;
/** Results for which next to nothing was read. */
const FREE = new Set<string>([
  "no_v1_data",
  "on_hold",
  "not_migrated",
  "superseded",
  "not_verified",
  "runs_on_v1",
] satisfies CleanupRefusal[]);
/** Results that somebody has to look at: time does not mend them, and v1 may be the only good copy, or become it. */
const BAD = ["v2_not_clean", "v1_changed", "runs_on_v1"] as const satisfies readonly CleanupRefusal[];

/** `ferry cleanup`. */
export function registerCleanup(program: Command, runner: Runner): void {
  const command = program
    .command("cleanup")
    .description("remove v1 SQLite rows of migrated actors, once v2 has proved itself; lists unless --delete");
  addReason(addSelection(command))
    .option("--hold <duration>", "least time since an actor's migration", "7d")
    .option("--rate <n>", "actors per second, at most", "20")
    .option("--delete", "remove; there is no way back to v1 afterwards")
    .option("--confirm <name>", "the campaign's name, where nobody can be asked")
    .action((ids: string[], flags: CleanupFlags, self: Command) => runner.run(self, (run) => cleanup(run, ids, flags)))
    .addHelpText(
      "after",
      `
An actor's rows stay when it was migrated with --verify off (not_verified); when its v2 image cannot be read to its end, is another one than
was migrated though the engine has not written it, is of another database than Ferry made, or fails SQLite's quick check (v2_not_clean);
when v1 does not hold what was migrated any more, as an old runner wrote to it (v1_changed): that is in no other place; when an old
runner has the actor now, and v1 open (runs_on_v1); and when it was written each time that it was checked (written_meanwhile): run the
command again; and of target storage when it was brought to Depot since (superseded): the later campaign cleans it up. With v2_not_clean,
v1_changed and runs_on_v1 the exit status is 1. v1 is read once and v2 twice, with --delete and without. Other entries of the actor's
key-value space stay in any case. Stopped in the middle, the command can simply be run again.

In a cluster that holds rows of Depot, actors of target storage are cleaned up only where --target storage is said: an engine that reads
Depot has nothing of them but v1, and without it they start empty.

Actors of ferry enqueue and ferry requeue, and of a campaign that was deleted, are named by their ids; --confirm goes with --campaign.
Who removed v1, when and why is kept with each actor (ferry inspect ID), and with --campaign in that campaign's history.

  ferry cleanup --campaign spring --delete
  ferry outcomes --state migrated --json | jq -r .actorId > ids.txt
  ferry cleanup --from ids.txt --delete`,
    );
  addSettings(command, "target", "namespace");
}

async function cleanup(run: Run, ids: readonly string[], flags: CleanupFlags): Promise<ExitStatus> {
  const selection = await readSelection(run, ids, flags);
  const holdMs = readHold(flags.hold);
  const perSecond = readRate(flags.rate);
  const deletes = flags.delete === true;
  const store = await run.openStore({ readOnly: !deletes, priority: "batch" });
  const actors = selectActors(store, selection);
  const checker = new IntegrityChecker();
  const context = await commandContext(run, store, selection, checker);
  await assertFormIsRead(run, context);
  if (flags.campaign !== undefined && deletes) {
    const question = `This removes v1 data for good; actors of campaign "${flags.campaign}" can not go back to v1 then.`;
    await confirmName(run, flags.campaign, flags.confirm, question);
  }
  const author = authorOf(run, flags);
  const deed = { store, campaign: deletes ? flags.campaign : undefined, what: "cleanup", author } as const;
  const counts = await saidCounts(run, { end: endOf, changes: deletes }, async (counted) => {
    try {
      const options = { holdMs, delete: deletes, ...author };
      await inHistory(deed, counted, () => cleanUpAll(run, context, { actors, perSecond, options }, counted));
    } finally {
      await checker.close();
    }
  });
  return BAD.some((reason) => counts.of(reason) > 0) ? EXIT.rejected : EXIT.done;
}

/**
 * Where the engine has come to read Depot, v1 is what it and Ferry still bring an actor there from; an actor of the older form would start empty
 * without it. @throws UsageError unless the flag says that form.
 */
async function assertFormIsRead({ config }: Run, { store, target }: MigrationContext): Promise<void> {
  const isSaid = config.given.get("target") === "flag";
  if (target.name === "storage" && !isSaid && (await store.transact(holdsDepot, { label: "choose_target" }))) {
    throw new UsageError(
      "The cluster holds rows of Depot, and these actors were migrated to the older form of v2: an engine that reads Depot has nothing of them but v1. Bring them to Depot first; where the engine reads the older form, say --target storage.",
    );
  }
}

async function cleanUpAll(
  run: Run,
  context: MigrationContext,
  work: { actors: ReturnType<typeof selectActors>; perSecond: number; options: CleanupOptions },
  counted: ResultCounts,
): Promise<void> {
  const bucket = new TokenBucket();
  for await (const id of work.actors) {
    while (bucket.available(work.perSecond, Date.now()) < 1) {
      await delay(WAIT_MS, undefined, { signal: run.signal });
    }
    const result = await cleanupActor(context, id, work.options, run.signal);
    const what = result.kind === "refused" ? result.reason : result.kind;
    // What was removed before costs nothing: to go on after an interruption takes no longer than the rest.
    bucket.take(FREE.has(what) ? 0 : 1);
    counted.add(what);
    await run.output.line(run.json ? JSON.stringify({ actorId: id, result: what }) : `${id} ${what}`);
  }
}

function endOf({ text }: ResultCounts): string {
  return text || "No migrated actors.";
}

function readHold(text: string): number {
  const holdMs = parseDuration(text);
  if (holdMs === undefined) {
    throw new UsageError(`--hold "${text}" cannot be used: write a duration, such as 7d or 12h.`);
  }
  return holdMs;
}

function readRate(text: string): number {
  const rate = Number(text);
  if (!Number.isFinite(rate) || rate < 1) {
    throw new UsageError(`--rate "${text}" cannot be used: write how many actors per second, 1 or more.`);
  }
  return rate;
}
