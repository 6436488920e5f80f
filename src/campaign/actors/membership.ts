import type { ActorId } from "../../formats/actor-id.ts";
import { u64be } from "../../formats/bytes.ts";
import { inOrder } from "../../migration/in-order.ts";
import type { Store, Transaction } from "../../store/store.ts";
import { inBatches } from "../batches.ts";
import type { Campaign } from "../campaign.ts";
import { CountMoves } from "../campaign-counts.ts";
import { todoKey } from "../campaign-keys.ts";
import { readCampaign, writeCampaign } from "../campaign-store.ts";
import { laneOf, lanesOf } from "../lanes.ts";
import { readCampaignActor } from "../ledger/campaign-ledger.ts";
import { passesFilters } from "./actor-filters.ts";
import { readV1Sizes, type V1Actor } from "./v1-actors.ts";

const ACTORS_PER_TRANSACTION = 250;
/** Transactions that add actors, under way at once: one reads and writes while another waits for its commit. */
const ADDS_AT_ONCE = 4;

/** Adds given actors to a campaign; those that are in it already are left alone. In transactions of bounded size, a few at a time. */
export async function addActors(
  store: Store,
  name: string,
  ids: AsyncIterable<ActorId> | Iterable<ActorId>,
): Promise<{ added: number; left: number }> {
  let seen = 0;
  const adds = async function* (): AsyncGenerator<() => Promise<number>, void, undefined> {
    for await (const batch of inBatches(ids, ACTORS_PER_TRANSACTION)) {
      seen += batch.length;
      const distinct = [...new Set(batch)];
      yield async () =>
        store.transact(async (tx) => addBatch(tx, await readCampaign(tx, name), distinct), { label: "campaign_add" });
    }
  };
  let added = 0;
  for await (const count of inOrder(adds(), ADDS_AT_ONCE)) {
    added += count;
  }
  return { added, left: seen - added };
}

async function addBatch(tx: Transaction, campaign: Campaign, ids: readonly ActorId[]): Promise<number> {
  const actors = await readV1Sizes(tx, ids);
  const moves = new CountMoves();
  const added = await Promise.all(
    actors.map(async (actor) => {
      if (!passesFilters(actor, campaign.spec.filters)) {
        return 0;
      }
      if (await isMember(tx, campaign, actor.id)) {
        return 0;
      }
      addTodo(tx, campaign, actor, moves);
      return 1;
    }),
  );
  moves.write(tx, campaign.name);
  return added.reduce((sum: number, one) => sum + one, 0);
}

/**
 * Whether an actor is in a campaign: it was fed once, or waits in one of the lists. In any of them, as its size may have changed since it was
 * added. The reads are serializable, so that of two batches that have it only one adds it.
 */
async function isMember(tx: Transaction, { name, spec }: Campaign, id: ActorId): Promise<boolean> {
  const lists = lanesOf(spec.order).map(async (lane) => tx.get(todoKey(name, lane, id)));
  const [row, ...waiting] = await Promise.all([readCampaignActor(tx, name, id), ...lists]);
  return row !== undefined || waiting.some((todo) => todo !== undefined);
}

/** Says that every actor of the source is in the campaign. */
export async function finishScan(store: Store, name: string): Promise<void> {
  await store.transact(
    async (tx) => {
      writeCampaign(tx, { ...(await readCampaign(tx, name)), scanFinished: true });
    },
    { label: "campaign" },
  );
}

/** Has an actor wait in its lane, and counts it in `moves`. */
export function addTodo(tx: Transaction, campaign: Campaign, actor: V1Actor, moves: CountMoves): void {
  const lane = laneOf(actor.bytes, campaign.spec.order);
  tx.set(todoKey(campaign.name, lane, actor.id), u64be(BigInt(actor.bytes)));
  moves.add(actor.bytes, { from: undefined, to: { state: "todo", reason: "" } });
}
