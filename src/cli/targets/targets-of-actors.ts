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
import { depotOptions, Targets } from "./targets.ts";

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
  // Actors that no campaign asked for have the configured target here, which most often is that of the others.
  const complete = async (options: RequestOptions): Promise<RequestOptions> => {
    const target = options["target"] ?? (await new Targets(config, store).configured());
    const namespace = target === "depot" ? (options["namespace"] ?? config.namespace) : undefined;
    return { target, ...(namespace === undefined ? {} : { namespace }) };
  };
  return withTargetOf(store, campaigns, asked, campaigns.size > 1 && asked["target"] === undefined ? complete : asIs);
}

/** The campaigns in which actors were last asked for; undefined stands for none. */
async function campaignsOf(store: Store, ids: Iterable<ActorId>): Promise<Set<string | undefined>> {
  const campaigns = new Set<string | undefined>();
  for await (const { outcome } of lookUpOutcomes(store, ids)) {
    campaigns.add(outcome?.campaign);
  }
  return campaigns;
}

const asIs = (options: RequestOptions): Promise<RequestOptions> => Promise.resolve(options);

/**
 * Adds to what was asked for the target and namespace of the actors' campaigns, undefined for none, where it does not say them.
 * @param complete adds what a campaign, or none, leaves to the configuration: not where that of the workers decides.
 * @throws UsageError for different targets, unless one was asked for.
 */
export async function withTargetOf(
  store: Store,
  campaigns: ReadonlySet<string | undefined>,
  asked: RequestOptions,
  complete = asIs,
): Promise<RequestOptions> {
  const before = new Map<string, RequestOptions>();
  for (const name of campaigns) {
    const options = await complete(await targetOptionsOf(store, name));
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

/** The target and namespace of campaigns, undefined for none: each is read once. */
export function targetsOfCampaigns(store: Store): (name: string | undefined) => Promise<RequestOptions> {
  const read = new Map<string | undefined, Promise<RequestOptions>>();
  return (name) => {
    const options = read.get(name) ?? targetOptionsOf(store, name);
    read.set(name, options);
    return options;
  };
}

/** Those of the campaigns, undefined for none, that there are and whose frozen target is this one; undefined: none was frozen. */
export async function campaignsOfTarget(
  store: Store,
  campaigns: ReadonlySet<string | undefined>,
  target: RequestOptions[string] | undefined,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of campaigns) {
    const campaign = await campaignOf(store, name);
    if (campaign !== undefined && campaign.spec.options["target"] === target) {
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
