import { createCampaign } from "../../campaign/campaign-store.ts";
import { applyVerb } from "../../campaign/campaign-verbs.ts";
import { assertCampaignName, type Campaign, type CampaignSpec } from "../../campaign/campaign.ts";
import { addActors, finishScan } from "../../campaign/membership.ts";
import { rejectedIds } from "../../campaign/plan-actors.ts";
import { readView } from "../../campaign/view.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import type { Store } from "../../store/store.ts";
import { readIdList } from "../ids.ts";
import type { Run } from "../run.ts";
import { campaignOptions } from "../targets.ts";
import { authorOf, type ReasonFlag } from "./author.ts";
import { readLimits, type LimitFlags } from "./limit-options.ts";
import { plural } from "../../campaign/plural.ts";
import { sayHelpers } from "./presence.ts";
import { readSpec, type SpecFlags } from "./spec-options.ts";

const SAY_EVERY_MS = 5_000;

/** Flags of `ferry campaign create`. */
export interface CreateFlags extends SpecFlags, LimitFlags, ReasonFlag {
  readonly start?: boolean;
}

/** Creates a campaign with its actors, and starts it where that is asked for. Everything given is read and checked before. */
export async function createNew(run: Run, name: string, flags: CreateFlags): Promise<undefined> {
  assertCampaignName(name);
  const frozen = await readSpec(flags);
  const limits = readLimits(flags, Date.now());
  const ids = flags.from === undefined ? [] : await readIdList(flags.from, run.stdin);
  const author = authorOf(run, flags);
  // Not with batch priority: held back for long it would leave a campaign with half of its list, which cannot be gone on with.
  const store = await run.openStore();
  const spec = { ...frozen, options: await campaignOptions(run.config, store) };
  const settings = {
    window: run.config.window,
    ...Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined)),
  };
  let campaign = await createCampaign(store, { name, spec, settings }, author, Date.now());
  const members = await addMembers(run, store, { name, spec, ids });
  if (flags.start === true) {
    campaign = (await applyVerb(store, name, "start", author, Date.now())).campaign;
  }
  await sayCreated(run, campaign, members);
  sayHelpers(run, await readView(store, name, Date.now()));
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
  { name, spec, ids }: { name: string; spec: CampaignSpec; ids: readonly ActorId[] },
): Promise<Members | undefined> {
  if (spec.source.kind === "scan") {
    return undefined;
  }
  const source = spec.source.kind === "list" ? ids : rejectedIds(store, spec.source.reason);
  const members = await addActors(store, name, told(run, source));
  await finishScan(store, name);
  return members;
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
  const next =
    state === "created" ? `ferry campaign plan ${name}, ferry campaign start ${name}` : `ferry campaign watch ${name}`;
  run.notes.say(`Next: ${next}`);
}
