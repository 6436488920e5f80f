import type { ActorId } from "../../formats/actor-id.ts";
import { viewOf } from "../../formats/bytes.ts";
import { actorAtEnd } from "../../migration/ferry-keys.ts";
import type { Store } from "../../store/store.ts";
import { allRows } from "../all-rows.ts";
import type { Campaign, CampaignFilters } from "../campaign.ts";
import { todoPrefix } from "../campaign-keys.ts";
import { inParts, type IdList } from "../actors/id-list.ts";
import { rejectedIds } from "../rejects/rejects.ts";
import { passesFilters } from "../actors/actor-filters.ts";
import { readV1Actors, readV1Size, splitActorSpace, type V1Actor } from "../actors/v1-actors.ts";

/** Ids are random, so the first actors of many ranges are a fair sample, and those of one range nearly so. */
const RANGES = 64;
const LIMITS = { maxActors: 500, maxReads: 1000 };
const LIST_BATCH = 250;

/** The actors with v1 data that pass the filters, over many transactions, in bounded memory. */
export async function* actorsOfScan(store: Store, filters: CampaignFilters): AsyncGenerator<V1Actor, void, undefined> {
  for (const range of splitActorSpace(RANGES)) {
    let begin: Uint8Array | undefined = range.begin;
    while (begin !== undefined) {
      const from: Uint8Array = begin;
      const part = await store.transact((tx) => readV1Actors(tx, { begin: from, end: range.end }, LIMITS), {
        label: "plan",
      });
      yield* part.actors.filter((actor) => passesFilters(actor, filters));
      begin = part.next;
    }
  }
}

/** Actors of a list that pass the filters. */
export async function* actorsOfList(
  store: Store,
  ids: IdList,
  filters: CampaignFilters,
): AsyncGenerator<V1Actor, void, undefined> {
  for (const part of inParts(ids, LIST_BATCH)) {
    yield* await sized(store, part, filters);
  }
}

/** What the ledger calls rejected or failed, and passes the filters. */
export async function* actorsOfRejected(
  store: Store,
  reason: string | undefined,
  filters: CampaignFilters,
): AsyncGenerator<V1Actor, void, undefined> {
  for await (const id of rejectedIds(store, reason)) {
    yield* await sized(store, [id], filters);
  }
}

/** The actors of a campaign that wait to be fed; of one whose scan has not begun, those the scan will find. */
export async function* actorsOfCampaign(store: Store, campaign: Campaign): AsyncGenerator<V1Actor, void, undefined> {
  if (!campaign.scanFinished && campaign.spec.source.kind === "scan") {
    yield* actorsOfScan(store, campaign.spec.filters);
    return;
  }
  for await (const { key, value } of allRows(store, todoPrefix(campaign.name))) {
    yield { id: actorAtEnd(key), bytes: Number(viewOf(value).getBigUint64(0)) };
  }
}

async function sized(store: Store, ids: readonly ActorId[], filters: CampaignFilters): Promise<V1Actor[]> {
  const actors = await store.transact(
    async (tx) => Promise.all(ids.map(async (id) => ({ id, bytes: await readV1Size(tx, id) }))),
    { label: "plan" },
  );
  return actors.filter((actor) => passesFilters(actor, filters));
}
