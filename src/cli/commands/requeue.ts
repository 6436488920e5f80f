import { Option, type Command } from "commander";
import { listOutcomes, readOutcomes } from "../../campaign/ledger.ts";
import { UsageError } from "../../errors.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import type { Outcome } from "../../migration/outcome.ts";
import type { Store } from "../../store/store.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { parseIdArgument } from "../ids.ts";
import { JOB_SETTINGS, requestOptions } from "../migration-options.ts";
import type { Run, Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";

/** States that are asked again. */
const STATES = ["rejected", "failed"] as const;
type RequeueState = (typeof STATES)[number];

interface RequeueFlags {
  readonly reason?: string;
  readonly state?: RequeueState;
  readonly limit?: string;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
}

/** Ids per transaction when given ones are looked up. */
const BATCH = 200;

/** `ferry requeue`. */
export function registerRequeue(program: Command, runner: Runner): void {
  const command = program
    .command("requeue")
    .description("put rejected or failed actors on the queue again, by id, reason or state")
    .argument("[id...]", "actor ids")
    .option("--reason <reason>", "those with this reason")
    .addOption(new Option("--state <state>", "those of this state").choices(STATES))
    .option("--limit <n>", "at most so many")
    .option("--dry-run", "only say how many there are")
    .option("--wait", "wait for the outcomes, and show progress")
    .action((ids: string[], flags: RequeueFlags, self: Command) => runner.run(self, (run) => requeue(run, ids, flags)));
  addSettings(command, "window", ...JOB_SETTINGS);
}

async function requeue(run: Run, idArguments: readonly string[], flags: RequeueFlags): Promise<ExitStatus> {
  if (idArguments.length === 0 && flags.reason === undefined && flags.state === undefined) {
    throw new UsageError("Nothing to requeue: give actor ids, --reason or --state.");
  }
  const options = requestOptions(run.config);
  const limit = readLimit(flags.limit);
  const ids = idArguments.map(parseIdArgument);
  const store = await run.openStore();
  const others = { count: 0 };
  const chosen = limited(choose(store, ids, flags, others), limit);
  if (flags.dryRun === true) {
    return sayDryRun(run, chosen);
  }
  const { produce } = await import("../produce.ts");
  const status = await produce(run, {
    store,
    source: idsOf(chosen),
    options,
    force: true,
    window: run.config.window,
    wait: flags.wait === true,
  });
  if (others.count > 0) {
    run.notes.say(`${others.count} of the given actors are neither rejected nor failed, and were left alone.`);
  }
  return status;
}

/** The outcomes to be asked again; `others` counts given actors that are not among them. */
async function* choose(
  store: Store,
  ids: readonly ActorId[],
  flags: RequeueFlags,
  others: { count: number },
): AsyncGenerator<readonly Outcome[], void, undefined> {
  const states = flags.state === undefined ? STATES : [flags.state];
  if (ids.length === 0) {
    for (const state of states) {
      for await (const outcome of listOutcomes(store, { state, reason: flags.reason })) {
        yield [outcome];
      }
    }
    return;
  }
  for (let start = 0; start < ids.length; start += BATCH) {
    const part = ids.slice(start, start + BATCH);
    const outcomes = [...(await readOutcomes(store, part)).values()].filter(
      ({ state, reason }) =>
        states.some((wanted) => wanted === state) && (flags.reason === undefined || flags.reason === reason),
    );
    others.count += new Set(part).size - outcomes.length;
    yield outcomes;
  }
}

async function* limited(
  batches: AsyncIterable<readonly Outcome[]>,
  limit: number,
): AsyncGenerator<readonly Outcome[], void, undefined> {
  let left = limit;
  for await (const batch of batches) {
    yield batch.slice(0, left);
    left -= batch.length;
    if (left <= 0) {
      return;
    }
  }
}

/** In batches again, as the queue likes them. */
async function* idsOf(batches: AsyncIterable<readonly Outcome[]>): AsyncGenerator<readonly ActorId[], void, undefined> {
  let ids: ActorId[] = [];
  for await (const batch of batches) {
    ids.push(...batch.map((outcome) => outcome.actorId));
    if (ids.length >= BATCH) {
      yield ids;
      ids = [];
    }
  }
  yield ids;
}

async function sayDryRun(run: Run, batches: AsyncIterable<readonly Outcome[]>): Promise<ExitStatus> {
  const counts = new Map<string, { state: string; reason: string; actors: number }>();
  for await (const batch of batches) {
    for (const { state, reason = "" } of batch) {
      const key = `${state} ${reason}`;
      counts.set(key, { state, reason, actors: (counts.get(key)?.actors ?? 0) + 1 });
    }
  }
  for (const count of counts.values()) {
    await run.output.line(
      run.json ? JSON.stringify(count) : `would requeue ${count.actors} ${count.state} ${count.reason}`,
    );
  }
  if (counts.size === 0 && !run.json) {
    await run.output.line("would requeue 0");
  }
  return EXIT.done;
}

function readLimit(text: string | undefined): number {
  if (text === undefined) {
    return Number.MAX_SAFE_INTEGER;
  }
  if (!/^\d{1,12}$/.test(text)) {
    throw new UsageError(`--limit "${text}" cannot be used: write a whole number.`);
  }
  return Number(text);
}
