import { findCampaign } from "../../campaign/campaign-store.ts";
import type { Config } from "../../config/config.ts";
import { UsageError } from "../../errors.ts";
import type { Outcome } from "../../migration/outcome.ts";
import type { RequestOptions } from "../../queue/migration-request.ts";
import type { Store } from "../../store/store.ts";
import { jobOptions } from "../targets.ts";

/** Adds the campaigns of the outcomes that pass by; undefined stands for none. */
export async function* notingCampaigns(
  outcomes: AsyncIterable<Outcome>,
  campaigns: Set<string | undefined>,
): AsyncGenerator<Outcome, void, undefined> {
  for await (const outcome of outcomes) {
    campaigns.add(outcome.campaign);
    yield outcome;
  }
}

/**
 * What jobs that ask again ask for: what the flags say, else the target and namespace of the actors' campaign. Workers that serve a
 * campaign need not be configured for its target, and must not write another one for the actors it left.
 * @throws UsageError for actors of different targets.
 */
export async function requeueOptions(
  config: Config,
  store: Store,
  campaigns: ReadonlySet<string | undefined>,
): Promise<RequestOptions> {
  const asked = await jobOptions(config, store);
  const before = new Map<string, RequestOptions>();
  for (const name of campaigns) {
    const options = await targetOptionsOf(store, name);
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

async function targetOptionsOf(store: Store, name: string | undefined): Promise<RequestOptions> {
  const campaign =
    name === undefined ? undefined : await store.transact(async (tx) => findCampaign(tx, name), { label: "campaign" });
  const { target, namespace } = campaign?.spec.options ?? {};
  return { ...(target === undefined ? {} : { target }), ...(namespace === undefined ? {} : { namespace }) };
}
