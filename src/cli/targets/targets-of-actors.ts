import { findCampaign } from "../../campaign/campaign-store.ts";
import type { Campaign } from "../../campaign/campaign.ts";
import { lookUpOutcomes } from "../../campaign/ledger/ledger.ts";
import type { Config } from "../../config/config.ts";
import { UsageError } from "../../errors.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import type { DepotOptions } from "../../migration/targets/depot/depot-options.ts";
import type { Target } from "../../migration/targets/target.ts";
import type { RequestOptions } from "../../queue/migration-request.ts";
import type { Store } from "../../store/store.ts";
import { effectiveConfig, requestOptions } from "../migration-options.ts";
import type { Run } from "../run.ts";
import { depotOptions, noteUnsaidTarget, Targets } from "./targets.ts";

/**
 * The target of actors that a command names: what its flags say, else that of the campaign in which they were last asked for, else the
 * configured one. @throws UsageError for actors of different targets.
 */
export async function targetOfActors(config: Config, store: Store, ids: Iterable<ActorId>): Promise<Target> {
  return new Targets(config, store).of(await optionsOf(config, store, ids));
}

/** How Depot is looked into for an actor: with the namespace of the flags, else of its campaign, else of the configuration. */
export async function depotOptionsOfActor(config: Config, store: Store, id: ActorId): Promise<DepotOptions> {
  return depotOptions(effectiveConfig(config, await optionsOf(config, store, [id])));
}

async function optionsOf(config: Config, store: Store, ids: Iterable<ActorId>): Promise<RequestOptions> {
  const asked = requestOptions(config);
  const campaigns = await campaignsOf(store, ids);
  const before = new Map<string, RequestOptions>();
  for (const name of campaigns) {
    let options = await targetOptionsOf(store, name);
    if (campaigns.size > 1 && asked["target"] === undefined) {
      options = await completeTarget(config, store, options);
    }
    before.set(JSON.stringify(options), options);
  }
  const [only = {}, ...others] = before.values();
  if (others.length === 0) {
    return { ...only, ...asked };
  }
  if (asked["target"] === undefined) {
    throw new UsageError(
      "These actors were asked for with different targets: say --target, or take one campaign at a time with --campaign.",
    );
  }
  return asked;
}

/** Actors that no campaign asked for have the configured target here, which most often is that of the others. */
async function completeTarget(config: Config, store: Store, options: RequestOptions): Promise<RequestOptions> {
  const target = options["target"] ?? (await new Targets(config, store).configured());
  const namespace = target === "depot" ? (options["namespace"] ?? config.namespace) : undefined;
  return { target, ...(namespace === undefined ? {} : { namespace }) };
}

/** The campaigns in which actors were last asked for; undefined stands for none. */
async function campaignsOf(store: Store, ids: Iterable<ActorId>): Promise<Set<string | undefined>> {
  const campaigns = new Set<string | undefined>();
  for await (const { outcome } of lookUpOutcomes(store, ids)) {
    campaigns.add(outcome?.campaign);
  }
  return campaigns;
}

/**
 * What the jobs of actors say where the command does not, by the campaign that left them, undefined for none: its target and namespace, so that
 * they do not come to another form of v2 because nobody said it again. Of actors without one the operator is told once where that matters.
 */
export function targetsOfJobs(
  run: Run,
  store: Store,
  asked: RequestOptions,
): (campaign: string | undefined) => Promise<RequestOptions> {
  const read = new Map<string | undefined, Promise<RequestOptions>>();
  let noted: Promise<void> | undefined;
  return async (campaign) => {
    const reading = read.get(campaign) ?? targetOptionsOf(store, campaign);
    read.set(campaign, reading);
    const options = await reading;
    if (options["target"] === undefined) {
      await (noted ??= noteUnsaidTarget(run, store, asked));
    }
    return options;
  };
}

/** Those of the campaigns, undefined for none, that there are and whose frozen target is the one asked for; undefined: all that there are. */
export async function campaignsOfTarget(
  store: Store,
  campaigns: ReadonlySet<string | undefined>,
  asked: RequestOptions[string] | undefined,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of campaigns) {
    const campaign = await campaignOf(store, name);
    if (campaign !== undefined && (asked === undefined || campaign.spec.options["target"] === asked)) {
      found.add(campaign.name);
    }
  }
  return found;
}

async function campaignOf(store: Store, name: string | undefined): Promise<Campaign | undefined> {
  return name === undefined ? undefined : store.transact(async (tx) => findCampaign(tx, name), { label: "campaign" });
}

async function targetOptionsOf(store: Store, name: string | undefined): Promise<RequestOptions> {
  const { target, namespace } = (await campaignOf(store, name))?.spec.options ?? {};
  return { ...(target === undefined ? {} : { target }), ...(namespace === undefined ? {} : { namespace }) };
}
