import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { createCampaign } from "../../campaign/create-campaign.ts";
import type { Author } from "../../campaign/campaign-history.ts";
import { applyVerb } from "../../campaign/campaign-verbs.ts";
import {
  assertCampaignName,
  type Campaign,
  type CampaignSettings,
  type CampaignSpec,
} from "../../campaign/campaign.ts";
import { IdList } from "../../campaign/actors/id-list.ts";
import { addActors, finishScan } from "../../campaign/actors/membership.ts";
import { withoutUndefined } from "../../campaign/limits.ts";
import { rejectedIds } from "../../campaign/rejects/rejects.ts";
import { readView } from "../../campaign/progress/view.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import type { Store } from "../../store/store.ts";
import { readIdList } from "../ids.ts";
import type { Run } from "../run.ts";
import { campaignOptions } from "../targets/targets.ts";
import { authorOf, type ReasonFlag } from "./author.ts";
import { readLimits, type LimitFlags } from "./limit-options.ts";
import { sayHalfCreated } from "./half-created.ts";
import { plural } from "../../campaign/plural.ts";
import { sayHelpers } from "./presence.ts";
import { readSpec, type SpecFlags } from "./spec-options.ts";

const SAY_EVERY_MS = 5_000;

/** Flags of `ferry campaign create`. */
export interface CreateFlags extends SpecFlags, LimitFlags, ReasonFlag {
  readonly start?: boolean;
}

/**
 * Creates a campaign with its actors, and starts it where that is asked for. Everything given is read and checked before. One that is there
 * already with the same specification is what was asked for: its actors are added to the end where that was interrupted, and it is started
 * where it was not.
 */
export async function createNew(run: Run, name: string, flags: CreateFlags): Promise<undefined> {
  assertCampaignName(name);
  const read = await readSpec(flags);
  const limits = readLimits(flags, Date.now());
  const ids = flags.from === undefined ? new IdList() : await readIdList(flags.from, run);
  const author = authorOf(run, flags);
  // Not with batch priority: held back for long it would leave a campaign with half of its list, for the same command to go on with.
  const store = await run.openStore();
  const source = read.source.kind === "list" ? { ...read.source, sha256: digestOf(ids) } : read.source;
  const spec = { ...read, source, options: await campaignOptions(run.config, store) };
  const settings = { window: run.config.window, ...withoutUndefined(limits) };
  const { result, campaign } = await createCampaign(store, { name, spec, settings }, author, Date.now());
  const isComplete = campaign.scanFinished || campaign.state !== "created";
  const members = isComplete
    ? undefined
    : await addMembers(run, store, { name, spec, ids }).catch(sayHalfCreated(run, name));
  const now = flags.start === true ? await startOnce(store, campaign, author) : campaign;
  await (result === "created" ? sayCreated(run, now, members) : sayAlready(run, now, { settings, members }));
  sayHelpers(run, await readView(store, name, Date.now()));
}

/** Of the ids of a list, however they are ordered. */
function digestOf(ids: IdList): string {
  const hash = createHash("sha256");
  for (const id of [...ids].sort()) {
    hash.update(`${id}\n`);
  }
  return hash.digest("hex");
}

/** One that ran since it was started stays as it is: paused, or completed. @throws UsageError when it was cancelled. */
async function startOnce(store: Store, campaign: Campaign, author: Author): Promise<Campaign> {
  return campaign.state === "paused" || campaign.state === "completed"
    ? campaign
    : (await applyVerb(store, campaign.name, "start", { author, nowMs: Date.now() })).campaign;
}

interface Members {
  readonly added: number;
  /** Left out: twice on the list, or not in the filters. */
  readonly left: number;
}

/** The actors of a list or of the ledger join now; those of a scan are found by the feeder. */
async function addMembers(
  run: Run,
  store: Store,
  { name, spec, ids }: { name: string; spec: CampaignSpec; ids: IdList },
): Promise<Members | undefined> {
  if (spec.source.kind === "scan") {
    return undefined;
  }
  const source = spec.source.kind === "list" ? ids : rejectedIds(store, spec.source.reason);
  const { added, left } = await addActors(store, name, told(run, source));
  await finishScan(store, name);
  return { added, left: left + ids.repeated };
}

/** The same ids, and a word every few seconds: a million of them take minutes. */
async function* told(
  run: Run,
  ids: Iterable<ActorId> | AsyncIterable<ActorId>,
): AsyncGenerator<ActorId, void, undefined> {
  let count = 0;
  let saidAtMs = performance.now();
  for await (const id of ids) {
    run.signal.throwIfAborted();
    count += 1;
    if (performance.now() - saidAtMs >= SAY_EVERY_MS) {
      saidAtMs = performance.now();
      run.notes.say(`${plural(count, "actor")} added so far`);
    }
    yield id;
  }
}

async function sayAlready(
  run: Run,
  campaign: Campaign,
  asked: { settings: CampaignSettings; members: Members | undefined },
): Promise<void> {
  const { name, state } = campaign;
  const { members } = asked;
  if (run.json) {
    await run.output.line(JSON.stringify({ result: "already", name, state, ...members }));
  } else {
    const rest = members === undefined ? "" : `, and not to its end: ${plural(members.added, "actor")} more`;
    await run.output.line(`campaign ${name} was created already${rest}; ${state}`);
  }
  // When limits end is counted from the command, and so never the same.
  const [kept, wanted] = [campaign.settings, asked.settings].map(({ ratesUntilMs: _, ...limits }) => limits);
  if (!isDeepStrictEqual(kept, wanted)) {
    run.notes.say(`Its window and limits stay as they are: ferry campaign set ${name} changes them.`);
  }
  run.notes.say(nextOf(campaign));
}

function nextOf({ name, state }: Campaign): string {
  switch (state) {
    case "created":
      return `Next: ferry campaign plan ${name}, ferry campaign start ${name}`;
    case "running":
      return `Next: ferry campaign watch ${name}`;
    case "paused":
      return `Next: ferry campaign resume ${name}`;
    case "draining":
    case "completed":
    case "cancelled":
      return "It is over, and migrates nothing any more: for another run choose another name.";
  }
}

async function sayCreated(run: Run, campaign: Campaign, members: Members | undefined): Promise<void> {
  const { name, state, spec } = campaign;
  if (run.json) {
    await run.output.line(JSON.stringify({ result: "created", name, state, ...members }));
    return;
  }
  const actors =
    members === undefined
      ? "its actors are found by a scan once it runs"
      : `${plural(members.added, "actor")}${members.left === 0 ? "" : `, ${members.left} left out by filters or given twice`}`;
  await run.output.line(`created campaign ${name}: ${actors}; ${state}`);
  if (members?.added === 0) {
    run.notes.say(
      spec.source.kind === "list"
        ? "No actor takes part: the list holds none, or the filters let none through."
        : "No actor takes part: the ledger holds none that match. What it holds: ferry rejected group",
    );
  }
  run.notes.say(nextOf(campaign));
}
