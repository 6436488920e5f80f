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
import { authorOf, type ReasonFlag } from "./author.ts";
import { readLimits, type LimitFlags } from "./limit-options.ts";
import { sayHelpers } from "./presence.ts";
import { readSpec, type SpecFlags } from "./spec-options.ts";

/** Flags of `ferry campaign create`. */
export interface CreateFlags extends SpecFlags, LimitFlags, ReasonFlag {
  readonly start?: boolean;
}

/** Creates a campaign with its actors, and starts it where that is asked for. Everything given is read and checked before. */
export async function createNew(run: Run, name: string, flags: CreateFlags): Promise<undefined> {
  assertCampaignName(name);
  const spec = await readSpec(run, flags);
  const limits = readLimits(flags, Date.now());
  const ids = flags.from === undefined ? [] : await readIdList(flags.from, run.stdin);
  const author = authorOf(run, flags);
  const store = await run.openStore();
  const settings = {
    window: run.config.window,
    ...Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined)),
  };
  let campaign = await createCampaign(store, { name, spec, settings }, author, Date.now());
  const members = await addMembers(store, name, spec, ids);
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
  store: Store,
  name: string,
  spec: CampaignSpec,
  ids: readonly ActorId[],
): Promise<Members | undefined> {
  switch (spec.source.kind) {
    case "scan":
      return undefined;
    case "list": {
      const members = await addActors(store, name, ids);
      await finishScan(store, name);
      return members;
    }
    case "rejected": {
      const members = await addActors(store, name, rejectedIds(store, spec.source.reason));
      await finishScan(store, name);
      return members;
    }
  }
}

async function sayCreated(run: Run, campaign: Campaign, members: Members | undefined): Promise<void> {
  const { name, state } = campaign;
  if (run.json) {
    await run.output.line(JSON.stringify({ result: "created", name, state, ...members }));
    return;
  }
  const actors =
    members === undefined
      ? "its actors are found by a scan once it runs"
      : `${members.added} actors${members.left === 0 ? "" : `, ${members.left} left out by filters or given twice`}`;
  await run.output.line(`created campaign ${name}: ${actors}; ${state}`);
  const next =
    state === "created" ? `ferry campaign plan ${name}, ferry campaign start ${name}` : `ferry campaign watch ${name}`;
  run.notes.say(`Next: ${next}`);
}
