import { actorLabel, encodeActorId, type ActorId } from "../../formats/actor-id.ts";
import { fromHex, toHex, u64be, viewOf } from "../../formats/bytes.ts";
import type { KeyRange, Store, Transaction } from "../../store/store.ts";
import { laneOf, lanesOf, type Campaign, type CampaignFilters } from "../campaign.ts";
import { CountMoves } from "../campaign-counts.ts";
import { cursorKey, todoKey } from "../campaign-keys.ts";
import { readCampaignActor } from "../ledger/campaign-ledger.ts";
import { findAgain, readCampaign, writeCampaign } from "../campaign-store.ts";
import { decodeJson, encodeJson } from "../json-row.ts";
import { readV1Actors, readV1Size, splitActorSpace, type V1Actor } from "./v1-actors.ts";

/** Ranges scanned side by side. */
const SCAN_RANGES = 16;
const ACTORS_PER_TRANSACTION = 250;
/** Transactions that add actors, under way at once: one reads and writes while another waits for its commit. */
const ADDS_AT_ONCE = 4;
/** Actors of each range in one round, which has to be over well within the feeder's lease, also on a slow store. */
const SCANNED_PER_TRANSACTION = 100;
const READS_PER_TRANSACTION = 1000;

/** Whether an actor takes part, by the campaign's filters. */
export function passesFilters(actor: V1Actor, filters: CampaignFilters): boolean {
  const { label, minBytes = 0, maxBytes = Number.MAX_SAFE_INTEGER, samplePercent = 100 } = filters;
  return (
    (label === undefined || actorLabel(actor.id) === label) &&
    actor.bytes >= minBytes &&
    actor.bytes <= maxBytes &&
    (samplePercent >= 100 || sampleOf(actor.id) < samplePercent)
  );
}

/** A number from 0 to 100 that depends on the id alone: its last random bytes. */
function sampleOf(id: ActorId): number {
  return (viewOf(encodeActorId(id)).getUint32(13) / 0x1_0000_0000) * 100;
}

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

/** Whether a campaign's source is still being scanned. */
export function isScanning({ spec, scanFinished }: Campaign): boolean {
  return spec.source.kind === "scan" && !scanFinished;
}

/** How far the scan of a range got: where to go on from, in hex; null when it is done, undefined when it has not begun. */
type RangeCursor = string | null | undefined;

/**
 * One round of a scanning campaign: a transaction per range that is not done, each adding the actors it finds and moving the cursor
 * with them. `guard` runs in each transaction, to stop a feeder that has lost its lease. A campaign that was deleted meanwhile has nothing
 * left to scan, and one that was created anew under its name is left alone. @returns whether the scan is finished.
 */
export async function scanRound(
  store: Store,
  campaign: Campaign,
  guard: (tx: Transaction) => Promise<void>,
): Promise<boolean> {
  const ranges = splitActorSpace(SCAN_RANGES);
  const results = await Promise.all(
    ranges.map(async (range, index) => scanPart(store, campaign, { range, index }, guard)),
  );
  const finished = results.every((next) => next === null);
  if (finished) {
    await store.transact(
      async (tx) => {
        const current = await findAgain(tx, campaign);
        if (current !== undefined) {
          writeCampaign(tx, { ...current, scanFinished: true });
        }
      },
      { label: "campaign" },
    );
  }
  return finished;
}

async function scanPart(
  store: Store,
  campaign: Campaign,
  part: { range: KeyRange; index: number },
  guard: (tx: Transaction) => Promise<void>,
): Promise<string | null> {
  const { range, index } = part;
  return store.transact(
    async (tx) => {
      await guard(tx);
      const current = await findAgain(tx, campaign, { snapshot: true });
      // Read with a conflict and moved with what it covers: a transaction that runs twice adds nothing twice.
      const at = await readCursor(tx, campaign.name, index);
      if (current === undefined || at === null) {
        return null;
      }
      const begin = (at === undefined ? undefined : fromHex(at)) ?? range.begin;
      const { actors, next } = await readV1Actors(
        tx,
        { begin, end: range.end },
        { maxActors: SCANNED_PER_TRANSACTION, maxReads: READS_PER_TRANSACTION },
      );
      const moves = new CountMoves();
      for (const actor of actors.filter((found) => passesFilters(found, current.spec.filters))) {
        addTodo(tx, current, actor, moves);
      }
      moves.write(tx, campaign.name);
      const cursor = next === undefined ? null : toHex(next);
      tx.set(cursorKey(campaign.name, index), encodeJson({ at: cursor }));
      return cursor;
    },
    { label: "campaign_scan" },
  );
}

async function readCursor(tx: Transaction, name: string, index: number): Promise<RangeCursor> {
  const row = await tx.get(cursorKey(name, index));
  return row === undefined ? undefined : (decodeJson(row) as { at: string | null }).at;
}

function addTodo(tx: Transaction, campaign: Campaign, actor: V1Actor, moves: CountMoves): void {
  const lane = laneOf(actor.bytes, campaign.spec.order);
  tx.set(todoKey(campaign.name, lane, actor.id), u64be(BigInt(actor.bytes)));
  moves.add(actor.bytes, { from: undefined, to: { state: "todo", reason: "" } });
}
