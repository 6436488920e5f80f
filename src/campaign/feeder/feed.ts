import type { ActorId } from "../../formats/actor-id.ts";
import { keyAfter, prefixRange, viewOf } from "../../formats/bytes.ts";
import { unpackTuple } from "../../formats/tuple.ts";
import { actorAtEnd } from "../../migration/ferry-keys.ts";
import { readRows } from "../../store/read-rows.ts";
import type { KeyRange, KeyValue, Store, Transaction } from "../../store/store.ts";
import type { Campaign, CampaignActor } from "../campaign.ts";
import { laterEnd, laterPrefix, openPrefix, todoLanePrefix, todoPrefix } from "../campaign-keys.ts";
import { CountMoves, placeOf } from "../campaign-counts.ts";
import { moveActorRows, readCampaignActor } from "../ledger/campaign-ledger.ts";
import { findAgain } from "../campaign-store.ts";
import type { FeedRoom } from "./feed-pace.ts";

/** Actors moved in one transaction. */
export const FEED_BATCH = 1_000;

/** An actor that was just fed. */
export interface FedActor {
  readonly id: ActorId;
  readonly bytes: number;
}

/**
 * Moves actors of a running campaign from its lists to the open ones, as many as `limit` allows: deferred ones that are due first, then lane
 * by lane. What is returned is recorded as fed; the caller puts it on the queue, and `openActors` finds again what it did not get to.
 */
export async function takeActors(
  store: Store,
  { name, createdAtMs }: Pick<Campaign, "name" | "createdAtMs">,
  { limit, guard, nowMs }: { limit: FeedRoom; guard: (tx: Transaction) => Promise<void>; nowMs: number },
): Promise<FedActor[]> {
  return store.transact(
    async (tx) => {
      await guard(tx);
      // Read with a conflict: a pause that commits first keeps these actors where they are.
      const campaign = await findAgain(tx, { name, createdAtMs });
      if (campaign?.state !== "running") {
        return [];
      }
      const due = await readRows(
        tx,
        { begin: laterPrefix(name), end: laterEnd(name, nowMs) },
        { limit: limit.actors, snapshot: true },
      );
      const todo =
        due.length >= limit.actors
          ? []
          : await readRows(tx, todoRange(campaign), { limit: limit.actors - due.length, snapshot: true });
      const candidates = [
        ...(await Promise.all(due.map(async ({ key }) => laterActor(tx, name, actorAtEnd(key))))),
        ...(await Promise.all(todo.map(async (row) => todoActor(tx, campaign, row)))),
      ];
      return open(tx, name, candidates, { maxBytes: limit.bytes, nowMs });
    },
    { label: "campaign_feed" },
  );
}

/** Puts actors back where they were fed from, up to a batch of them: their jobs were not run, and are not to be now. */
export async function returnActors(store: Store, name: string, ids: readonly ActorId[], nowMs: number): Promise<void> {
  await store.transact(
    async (tx) => {
      const actors = await Promise.all(ids.map(async (id) => ({ id, actor: await readCampaignActor(tx, name, id) })));
      const moves = new CountMoves();
      for (const { id, actor } of actors) {
        if (actor?.standing === "open") {
          const { lane, bytes, feeds, deferrals } = actor;
          const to: CampaignActor = { standing: "todo", lane, bytes, feeds: feeds - 1, deferrals };
          moveActorRows(tx, name, id, { from: actor, to, nowMs });
          moves.add(bytes, { from: placeOf(actor), to: placeOf(to) });
        }
      }
      moves.write(tx, name);
    },
    { label: "campaign_return" },
  );
}

/** Actors fed at such a time and not finished, a page at a time. */
export async function openActors(
  store: Store,
  name: string,
  page: { after: Uint8Array | undefined; limit: number; isFedAt: (atMs: number) => boolean },
): Promise<{ ids: ActorId[]; last: Uint8Array | undefined }> {
  return store.transact(
    async (tx) => {
      const range = prefixRange(openPrefix(name));
      const begin = page.after === undefined ? range.begin : keyAfter(page.after);
      const rows = await readRows(tx, { begin, end: range.end }, { limit: page.limit, snapshot: true });
      const found = rows.filter(({ value }) => page.isFedAt(Number(viewOf(value).getBigUint64(0))));
      const last = rows.length < page.limit ? undefined : rows.at(-1)?.key;
      return { ids: found.map(({ key }) => actorAtEnd(key)), last };
    },
    { label: "campaign_open" },
  );
}

/** Which of these actors are fed and not finished now. */
export async function stillOpen(store: Store, name: string, ids: readonly ActorId[]): Promise<ActorId[]> {
  const actors = await store.transact(
    async (tx) => Promise.all(ids.map(async (id) => readCampaignActor(tx, name, id))),
    { label: "campaign_open" },
  );
  return ids.filter((_, index) => actors[index]?.standing === "open");
}

/** Until the scan is over only the lane that cannot be overtaken is fed: what is found later may be smaller. */
function todoRange(campaign: Campaign): KeyRange {
  const all = prefixRange(todoPrefix(campaign.name));
  if (campaign.scanFinished || campaign.spec.order === "scan") {
    return all;
  }
  return { begin: all.begin, end: todoLanePrefix(campaign.name, 1) };
}

async function todoActor(
  tx: Transaction,
  campaign: Campaign,
  row: KeyValue,
): Promise<{ id: ActorId; actor: CampaignActor }> {
  const id = actorAtEnd(row.key);
  const known = await readCampaignActor(tx, campaign.name, id);
  const [lane] = unpackTuple(row.key.subarray(todoPrefix(campaign.name).length));
  const bytes = Number(viewOf(row.value).getBigUint64(0));
  return { id, actor: known ?? { standing: "todo", lane: Number(lane), bytes, feeds: 0, deferrals: 0 } };
}

async function laterActor(
  tx: Transaction,
  name: string,
  id: ActorId,
): Promise<{ id: ActorId; actor: CampaignActor | undefined }> {
  return { id, actor: await readCampaignActor(tx, name, id) };
}

function open(
  tx: Transaction,
  name: string,
  candidates: readonly { id: ActorId; actor: CampaignActor | undefined }[],
  { maxBytes, nowMs }: { maxBytes: number; nowMs: number },
): FedActor[] {
  const fed: FedActor[] = [];
  const moves = new CountMoves();
  let bytes = 0;
  for (const { id, actor } of candidates) {
    if (actor === undefined || (fed.length > 0 && bytes + actor.bytes > maxBytes)) {
      continue;
    }
    bytes += actor.bytes;
    const { lane, deferrals } = actor;
    const to: CampaignActor = { standing: "open", lane, bytes: actor.bytes, feeds: actor.feeds + 1, deferrals };
    moveActorRows(tx, name, id, { from: actor, to, nowMs });
    moves.add(actor.bytes, { from: placeOf(actor), to: placeOf(to) });
    fed.push({ id, bytes: actor.bytes });
  }
  moves.write(tx, name);
  return fed;
}
