import type { Command } from "commander";
import { IdList } from "../../campaign/actors/id-list.ts";
import { scanActors } from "../../campaign/actors/scan.ts";
import { UsageError } from "../../errors.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import type { Store } from "../../store/store.ts";
import { isRolledBack } from "../../migration/verdict.ts";
import { parseIdArgument, readIdList } from "../ids.ts";
import { JOB_SETTINGS } from "../migration-options.ts";
import type { Run, Runner } from "../run.ts";
import type { ExitStatus } from "../exit-status.ts";
import { addJobSettings, addSettings } from "../setting-options.ts";
import { jobOptions } from "../targets/targets.ts";
import { targetsOfJobs } from "../targets/targets-of-actors.ts";

interface EnqueueFlags {
  readonly from?: string;
  readonly scan?: boolean;
  readonly force?: boolean;
  readonly wait?: boolean;
}

/** Jobs left waiting for ids that were given: their number is the user's own bound, so this only keeps Redis from filling up. */
const GIVEN_IDS_WINDOW = 100_000;

const HELP = `
Answers how many were enqueued, already_queued (waiting or running: the latest request is served), and already_done:
what the ledger calls migrated, skipped or rejected is not asked again, except with --force, or by ferry requeue for
rejected and failed actors. What was rolled back comes with --force, or in a campaign whose list (--from) names it.
Without --target an actor that a campaign has left, such as one given up as deferred, keeps that campaign's target.
No more than --window jobs are left waiting in Redis (given ids: ${GIVEN_IDS_WINDOW}, unless --window says otherwise).
With --wait the exit status is 1 when an actor was rejected or failed; deferred actors are not waited for.

  ferry enqueue --scan --wait
  ferry enqueue --from ids.txt --layout shards`;

/** `ferry enqueue`. */
export function registerEnqueue(program: Command, runner: Runner): void {
  const command = program
    .command("enqueue")
    .description("put actors on the queue: given ones, those of a list, or all that have v1 data")
    .argument("[id...]", "actor ids")
    .option("--from <file>", "read ids from a file, or - for standard input: one per line, # begins a comment")
    .option("--scan", "all actors of the store that have v1 data")
    .option("--force", "also actors that the ledger calls migrated, skipped or rejected")
    .option("--wait", "wait for the outcomes, and show progress")
    .addHelpText("after", HELP)
    .action((ids: string[], flags: EnqueueFlags, self: Command) => runner.run(self, (run) => enqueue(run, ids, flags)));
  addJobSettings(addSettings(command, "window"), ...JOB_SETTINGS);
}

async function enqueue(run: Run, idArguments: readonly string[], flags: EnqueueFlags): Promise<ExitStatus> {
  const { config } = run;
  const isScan = flags.scan === true;
  if (idArguments.length === 0 && flags.from === undefined && !isScan) {
    throw new UsageError("Nothing to enqueue: give actor ids, --from FILE, or --scan.");
  }
  const given = idArguments.map(parseIdArgument);
  const ids = flags.from === undefined ? new IdList() : await readIdList(flags.from, run);
  for (const id of given) {
    ids.add(id);
  }
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  const options = await jobOptions(config, store);
  const targetOf = targetsOfJobs(run, store, options);
  const { produce } = await import("../produce/produce.ts");
  return produce(run, {
    store,
    source: sourceOf(store, { ids, isScan, signal: run.signal }),
    options,
    otherwise: (previous) => targetOf(previous?.campaign),
    force: flags.force === true,
    // Only what was taken back when --force was typed: of it and a rollback the later one counts.
    occasionOf: (previous) =>
      flags.force === true && isRolledBack(previous) ? { rolledBack: { at: previous?.takenBackAt } } : {},
    window: isScan || config.given.has("window") ? config.window : GIVEN_IDS_WINDOW,
    wait: flags.wait === true,
  });
}

async function* sourceOf(
  store: Store,
  what: { ids: IdList; isScan: boolean; signal: AbortSignal },
): AsyncGenerator<Iterable<ActorId>, void, undefined> {
  const { ids, isScan, signal } = what;
  yield ids;
  if (isScan) {
    for await (const found of scanActors(store, signal)) {
      yield ids.size === 0 ? found : found.filter((id) => !ids.has(id));
    }
  }
}
