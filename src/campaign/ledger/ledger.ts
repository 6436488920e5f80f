import type { ActorId } from "../../formats/actor-id.ts";
import { compareBytes, keyAfter, prefixRange } from "../../formats/bytes.ts";
import type { OutcomeLedger } from "../../migration/context.ts";
import { actorAtEnd, ferryKey, keyOfActor } from "../../migration/ferry-keys.ts";
import type { Outcome, OutcomeState } from "../../migration/outcome.ts";
import { readRows } from "../../store/read-rows.ts";
import type { KeyValue, Store, Transaction } from "../../store/store.ts";
import { rowPages } from "../all-rows.ts";
import { inBatches } from "../batches.ts";
import { decodeOutcome, encodeOutcome } from "./outcome-codec.ts";

/*
 * The ledger of outcomes, rows of Ferry's own in the store:
 *
 *   ("ferry", "outcome", id)                        the last outcome, JSON
 *   ("ferry", "by_state", state, reason, id)        empty; finds outcomes by state and reason without reading all
 *   ("ferry", "history", id, finishedAt)            an outcome that a later one replaced, JSON
 *
 * All are written in the transaction of the change they report.
 */

const OUTCOMES = ferryKey("outcome");
/** Actors per transaction where many are looked up. */
const BATCH = 200;
/** Actors that are looked up by one read. */
const NEIGHBOURS = 100;

export function outcomeKey(id: ActorId): Uint8Array {
  return keyOfActor(OUTCOMES, id);
}

/** Prefixes of the index by state and reason, which are of closed sets: each is packed once. */
const indexPrefixes = new Map<string, Uint8Array>();

function indexKey({ state, reason = "", actorId }: Pick<Outcome, "state" | "reason" | "actorId">): Uint8Array {
  const name = `${state}/${reason}`;
  let prefix = indexPrefixes.get(name);
  if (prefix === undefined) {
    prefix = ferryKey("by_state", state, reason);
    indexPrefixes.set(name, prefix);
  }
  return keyOfActor(prefix, actorId);
}

/** The ledger as migrations use it. */
export const ledger: OutcomeLedger = {
  async read(tx, id) {
    const row = await tx.get(outcomeKey(id));
    return row === undefined ? undefined : decodeOutcome(id, row);
  },
  write(tx, outcome, previous) {
    if (outcome === previous) {
      return;
    }
    if (previous !== undefined) {
      tx.clear(indexKey(previous));
      // Deferrals come by the dozen and say the same; what else was found, and when, is kept.
      if (previous.state !== "deferred" && previous.finishedAt !== outcome.finishedAt) {
        tx.set(ferryKey("history", previous.actorId, previous.finishedAt), encodeOutcome(previous));
      }
    }
    tx.set(outcomeKey(outcome.actorId), encodeOutcome(outcome));
    tx.set(indexKey(outcome), new Uint8Array(0));
  },
};

/** What an actor's ledger row says, or undefined. */
export async function readOutcome(store: Store, id: ActorId): Promise<Outcome | undefined> {
  return store.transact(async (tx) => ledger.read(tx, id), { label: "ledger" });
}

/** Outcomes of these actors that the ledger has, in one transaction; at most a few hundred ids. */
export async function readOutcomes(store: Store, ids: readonly ActorId[]): Promise<Map<ActorId, Outcome>> {
  const sorted = ids.toSorted();
  const groups = Array.from({ length: Math.ceil(sorted.length / NEIGHBOURS) }, (_, group) =>
    sorted.slice(group * NEIGHBOURS, (group + 1) * NEIGHBOURS),
  );
  const found = await store.transact(async (tx) => Promise.all(groups.map(async (group) => readGroup(tx, group))), {
    label: "ledger",
  });
  return new Map(found.flat().map((outcome) => [outcome.actorId, outcome]));
}

/**
 * Outcomes of ids in their order, by one read of where they lie, as those of a scan do close together: on a cluster a read for each takes
 * several times as long. Of rows that others have between them as many are read at most as there are ids, and the rest then one by one.
 */
async function readGroup(tx: Transaction, ids: readonly ActorId[]): Promise<Outcome[]> {
  const [first, last] = [ids[0], ids.at(-1)];
  if (first === undefined || last === undefined) {
    return [];
  }
  const range = { begin: outcomeKey(first), end: keyAfter(outcomeKey(last)) };
  const rows = await readRows(tx, range, { snapshot: true, limit: ids.length });
  const wanted = new Set(ids);
  const found = rows.map(({ key, value }) => ({ id: actorAtEnd(key), value }));
  const readTo = rows.length < ids.length ? last : (found.at(-1)?.id ?? last);
  const rest = await Promise.all(
    ids
      .filter((id) => id > readTo)
      .map(async (id) => ({ id, value: await tx.get(outcomeKey(id), { snapshot: true }) })),
  );
  return [...found.filter(({ id }) => wanted.has(id)), ...rest].flatMap(({ id, value }) =>
    value === undefined ? [] : [decodeOutcome(id, value)],
  );
}

/** What the ledger says of each of many actors, in their order, or undefined. In bounded memory, many transactions. */
export async function* lookUpOutcomes(
  store: Store,
  ids: Iterable<ActorId>,
): AsyncGenerator<{ readonly id: ActorId; readonly outcome: Outcome | undefined }, void, undefined> {
  for await (const batch of inBatches(ids, BATCH)) {
    const outcomes = await readOutcomes(store, batch);
    for (const id of batch) {
      yield { id, outcome: outcomes.get(id) };
    }
  }
}

/** Outcomes an actor had before the last one, oldest first. */
export async function readHistory(store: Store, id: ActorId): Promise<Outcome[]> {
  return store.transact(
    async (tx) => {
      const rows = await readRows(tx, prefixRange(ferryKey("history", id)), { snapshot: true });
      return rows.map(({ value }) => decodeOutcome(id, value));
    },
    { label: "ledger" },
  );
}

/** A place in the list of a state's outcomes: they come by reason, and then by actor. */
export interface IndexPlace {
  readonly reason: string;
  readonly actorId: ActorId;
}

/**
 * All outcomes, in the order of actor ids; or those of a state, or of a state and reason, from behind the place `after` on. In bounded
 * memory, many transactions.
 */
export async function* listOutcomes(
  store: Store,
  filter: { state?: OutcomeState | undefined; reason?: string | undefined; after?: IndexPlace | undefined } = {},
): AsyncGenerator<Outcome, void, undefined> {
  const { state, reason, after } = filter;
  if (state === undefined) {
    for await (const outcomes of rowPages(store, prefixRange(OUTCOMES), { label: "ledger", read: readOutcomeRows })) {
      yield* outcomes.filter((outcome) => reason === undefined || outcome.reason === reason);
    }
    return;
  }
  const prefix = reason === undefined ? ferryKey("by_state", state) : ferryKey("by_state", state, reason);
  const range = prefixRange(prefix);
  const begin = after === undefined ? range.begin : laterOf(range.begin, keyAfter(indexKey({ state, ...after })));
  if (compareBytes(begin, range.end) >= 0) {
    return;
  }
  for await (const outcomes of rowPages(store, { begin, end: range.end }, { label: "ledger", read: followIndex })) {
    // Between the index and the row nothing changes: both are read in one transaction.
    yield* outcomes;
  }
}

function laterOf(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareBytes(a, b) > 0 ? a : b;
}

function readOutcomeRows(_tx: Transaction, rows: readonly KeyValue[]): Promise<Outcome[]> {
  return Promise.resolve(rows.map((row) => decodeOutcome(actorAtEnd(row.key), row.value)));
}

async function followIndex(tx: Transaction, rows: readonly KeyValue[]): Promise<Outcome[]> {
  const found = await Promise.all(
    rows.map(async ({ key }) => {
      const id = actorAtEnd(key);
      const row = await tx.get(outcomeKey(id), { snapshot: true });
      return row === undefined ? [] : [decodeOutcome(id, row)];
    }),
  );
  return found.flat();
}
