import type { ActorId } from "../../formats/actor-id.ts";
import { actorAtEnd } from "../../migration/ferry-keys.ts";
import type { Store } from "../../store/store.ts";
import { allRows } from "../all-rows.ts";
import type { CampaignActor } from "../campaign.ts";
import { actorPrefix } from "../campaign-keys.ts";
import { readCampaign } from "../campaign-store.ts";
import { decodeJson } from "../json-row.ts";

/**
 * The actors that a campaign migrated, also those that were taken back to v1 since, in the order of their ids; bounded memory.
 * @throws UsageError when there is no such campaign.
 */
export async function* migratedActors(store: Store, campaign: string): AsyncGenerator<ActorId, void, undefined> {
  await store.transact(async (tx) => readCampaign(tx, campaign), { label: "campaign" });
  for await (const { key, value } of allRows(store, actorPrefix(campaign))) {
    const actor = decodeJson(value) as CampaignActor;
    if (actor.standing === "done" && (actor.state === "migrated" || actor.takenBack === true)) {
      yield actorAtEnd(key);
    }
  }
}
