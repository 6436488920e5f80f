import type { ActorId } from "../../formats/actor-id.ts";
import { u64be } from "../../formats/bytes.ts";
import type { Store, Transaction } from "../../store/store.ts";
import type { Campaign } from "../campaign.ts";
import { CountMoves } from "../campaign-counts.ts";
import { todoKey } from "../campaign-keys.ts";
import { readCampaign, writeCampaign } from "../campaign-store.ts";
import { laneOf, lanesOf } from "../lanes.ts";
import { readCampaignActor } from "../ledger/campaign-ledger.ts";
import { passesFilters } from "./actor-filters.ts";
import { readV1Size, type V1Actor } from "./v1-actors.ts";

const ACTORS_PER_TRANSACTION = 250;
/** Transactions that add actors, under way at once: one reads and writes while another waits for its commit. */
const ADDS_AT_ONCE = 4;

/** Adds given actors to a campaign; those that are in it already are left alone. In transactions of bounded size, a few at a time. */
export async function addActors(
  store: Store,
  name: string,
  ids: AsyncIterable<ActorId> | Iterable<ActorId>,
): Promise<{ added: number; left: number }> {
  let added = 0;
  let seen = 0;
  let batch = new Set<ActorId>();
  const adding = new Set<Promise<void>>();
  const add = async (part: readonly ActorId[]): Promise<void> => {
    const count = await store.transact(async (tx) => addBatch(tx, await readCampaign(tx, name), part), {
      label: "campaign_add",
    });
    added += count;
  };
  const flush = (): void => {
    const adds = add([...batch]).then(() => {
      adding.delete(adds);
    });
    // Awaited below; a failure before that is not an unhandled rejection.
    adds.catch(() => undefined);
    adding.add(adds);
    batch = new Set();
  };
  try {
    for await (const id of ids) {
      batch.add(id);
      seen += 1;
      if (batch.size === ACTORS_PER_TRANSACTION) {
        flush();
      }
      if (adding.size === ADDS_AT_ONCE) {
        await Promise.race(adding);
      }
    }
    flush();
    await Promise.all(adding);
  } finally {
    // One that failed ends this while others are under way, and the store must not be closed under them.
    await Promise.allSettled(adding);
  }
  return { added, left: seen - added };
}

async function addBatch(tx: Transaction, campaign: Campaign, ids: readonly ActorId[]): Promise<number> {
  const actors = await Promise.all(ids.map(async (id) => ({ id, bytes: await readV1Size(tx, id) })));
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
