import type { ActorId } from "../../formats/actor-id.ts";
import { viewOf } from "../../formats/bytes.ts";
import { actorAtEnd } from "../../migration/ferry-keys.ts";
import type { Store } from "../../store/store.ts";
import { allRows } from "../all-rows.ts";
import type { Campaign, CampaignFilters } from "../campaign.ts";
import { todoPrefix } from "../campaign-keys.ts";
import { passesFilters } from "../actors/actor-filters.ts";
import { isScanning } from "../actors/scan-round.ts";
import { scanRange } from "../actors/scan.ts";
import { readV1Sizes, splitActorSpace, type V1Actor } from "../actors/v1-actors.ts";
import { inBatches } from "../batches.ts";

/** Ids are random, so the first actors of many ranges are a fair sample, and those of one range nearly so. */
const RANGES = 64;
/** Actors of a list whose size is read in one transaction. */
const LIST_BATCH = 250;

/** The actors with v1 data that pass the filters, over many transactions, in bounded memory. */
export async function* actorsOfScan(store: Store, filters: CampaignFilters): AsyncGenerator<V1Actor, void, undefined> {
  for (const range of splitActorSpace(RANGES)) {
    for await (const actors of scanRange(store, range, { label: "plan" })) {
      yield* actors.filter((actor) => passesFilters(actor, filters));
    }
  }
}

/** Those of given actors that pass the filters. */
export async function* actorsOfIds(
  store: Store,
  ids: AsyncIterable<ActorId> | Iterable<ActorId>,
  filters: CampaignFilters,
): AsyncGenerator<V1Actor, void, undefined> {
  for await (const batch of inBatches(ids, LIST_BATCH)) {
    const actors = await store.transact(async (tx) => readV1Sizes(tx, batch), { label: "plan" });
    yield* actors.filter((actor) => passesFilters(actor, filters));
  }
}

/** The actors of a campaign that wait to be fed; of one whose scan has not begun, those the scan will find. */
export async function* actorsOfCampaign(store: Store, campaign: Campaign): AsyncGenerator<V1Actor, void, undefined> {
  if (isScanning(campaign)) {
    yield* actorsOfScan(store, campaign.spec.filters);
    return;
  }
  for await (const { key, value } of allRows(store, todoPrefix(campaign.name))) {
    yield { id: actorAtEnd(key), bytes: Number(viewOf(value).getBigUint64(0)) };
  }
}
