import type { Command } from "commander";
import { enqueueActors, type EnqueueCounts } from "../../campaign/enqueue.ts";
import { scanActors } from "../../campaign/scan.ts";
import { UsageError } from "../../errors.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import type { Store } from "../../store/store.ts";
import { parseIdArgument, readIdList } from "../ids.ts";
import { JOB_SETTINGS, requestOptions } from "../migration-options.ts";
import { queueSink } from "../queue-sink.ts";
import type { Run, Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";

interface EnqueueFlags {
  readonly from?: string;
  readonly scan?: boolean;
  readonly force?: boolean;
  readonly wait?: boolean;
}

/** `ferry enqueue`. */
export function registerEnqueue(program: Command, runner: Runner): void {
  const command = program
    .command("enqueue")
    .description("put actors on the queue: given ones, those of a list, or all that have v1 data")
    .argument("[id...]", "actor ids")
    .option("--from <file>", "read ids from a file, or - for standard input: one per line, # begins a comment")
    .option("--scan", "all actors of the store that have v1 data")
    .option("--force", "also actors that the ledger calls migrated, skipped or rejected")
    .action((ids: string[], flags: EnqueueFlags, self: Command) => runner.run(self, (run) => enqueue(run, ids, flags)));
  addSettings(command, "window", ...JOB_SETTINGS);
}

async function enqueue(run: Run, idArguments: readonly string[], flags: EnqueueFlags): Promise<undefined> {
  const options = requestOptions(run.config);
  const given = await givenIds(run, idArguments, flags);
  const store = await run.openStore();
  const queue = await run.openQueue();
  const counts = await enqueueActors(sourceOf(run, store, given, flags.scan === true), {
    store,
    sink: queueSink(queue, { options, window: run.config.window }),
    force: flags.force === true,
    signal: run.signal,
  });
  await sayCounts(run, counts);
  if ((await queue.connectedWorkers()) === 0) {
    run.notes.say("No worker is connected: start one with ferry worker.");
  }
}

async function givenIds(run: Run, idArguments: readonly string[], flags: EnqueueFlags): Promise<ActorId[]> {
  if (idArguments.length === 0 && flags.from === undefined && flags.scan !== true) {
    throw new UsageError("Nothing to enqueue: give actor ids, --from FILE, or --scan.");
  }
  const ids = idArguments.map(parseIdArgument);
  return flags.from === undefined ? ids : [...ids, ...(await readIdList(flags.from, run.stdin))];
}

async function* sourceOf(run: Run, store: Store, given: ActorId[], scan: boolean): AsyncGenerator<readonly ActorId[]> {
  yield given;
  if (scan) {
    yield* scanActors(store, run.signal);
  }
}

async function sayCounts(run: Run, counts: EnqueueCounts): Promise<void> {
  if (run.json) {
    const { enqueued, alreadyQueued, queuedAfterActive, alreadyDone } = counts;
    await run.output.line(
      JSON.stringify({
        enqueued,
        already_queued: alreadyQueued,
        already_done: alreadyDone,
        queued_after_active: queuedAfterActive,
      }),
    );
    return;
  }
  await run.output.line(
    `enqueued ${counts.enqueued}, already_queued ${counts.alreadyQueued}, already_done ${counts.alreadyDone}`,
  );
}
