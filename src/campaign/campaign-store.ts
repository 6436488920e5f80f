import { UsageError } from "../errors.ts";
import { prefixRange } from "../formats/bytes.ts";
import { readRows } from "../store/read-rows.ts";
import type { ReadOptions, Store, Transaction } from "../store/store.ts";
import type { Campaign } from "./campaign.ts";
import { campaignKey, CAMPAIGNS } from "./campaign-keys.ts";
import { decodeJson, encodeJson } from "./json-row.ts";

/** Reads a campaign, or undefined; serializably unless asked otherwise. */
export async function findCampaign(
  tx: Transaction,
  name: string,
  options?: ReadOptions,
): Promise<Campaign | undefined> {
  const row = await tx.get(campaignKey(name), options);
  return row === undefined ? undefined : (decodeJson(row) as Campaign);
}

/** Reads a campaign again; undefined where it was deleted meanwhile, also where another has its name now. */
export async function findAgain(
  tx: Transaction,
  { name, createdAtMs }: Pick<Campaign, "name" | "createdAtMs">,
  options?: ReadOptions,
): Promise<Campaign | undefined> {
  const current = await findCampaign(tx, name, options);
  return current?.createdAtMs === createdAtMs ? current : undefined;
}

/** @throws UsageError when there is none of this name. */
export async function readCampaign(tx: Transaction, name: string): Promise<Campaign> {
  const campaign = await findCampaign(tx, name);
  if (campaign === undefined) {
    throw new UsageError(`There is no campaign "${name}"; ferry campaign list shows those there are.`);
  }
  return campaign;
}

export function writeCampaign(tx: Transaction, campaign: Campaign): void {
  tx.set(campaignKey(campaign.name), encodeJson(campaign));
}

export async function listCampaigns(store: Store): Promise<Campaign[]> {
  return store.transact(readCampaigns, { label: "campaign" });
}

/** All campaigns, by name. */
export async function readCampaigns(tx: Transaction): Promise<Campaign[]> {
  const rows = await readRows(tx, prefixRange(CAMPAIGNS), { snapshot: true });
  return rows.map(({ value }) => decodeJson(value) as Campaign);
}
