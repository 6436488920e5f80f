import { ACTOR_KV_ROOT, actorKvSubspace, actorOfKvKey } from "../formats/actor-kv.ts";
import { ACTOR_ID_BYTES, type ActorId } from "../formats/actor-id.ts";
import { compareBytes, concatBytes, keyAfter, prefixEnd } from "../formats/bytes.ts";
import { FormatError } from "../formats/format-error.ts";
import { v1Range } from "../migration/v1/v1-keys.ts";
import type { KeyRange, Store, Transaction } from "../store/store.ts";

/** Ranges read at once. */
const PARALLEL = 8;
/** Ranges in all; ids are random, so each holds about as many actors. Must divide 256. */
const RANGES = 64;
/** A transaction ends after so many actors or milliseconds: it may last five seconds. */
const ACTORS_PER_TRANSACTION = 500;
const TRANSACTION_MS = 1_000;

/** First byte of every actor id: its version. */
const ID_VERSION = 1;

/** How to scan. */
export interface ScanOptions {
  readonly signal: AbortSignal;
  /** Told of keys in the actors' space that belong to no id of a known form; they are stepped over. */
  readonly onForeignKey?: (key: Uint8Array) => void;
}

/**
 * Finds every actor with v1 data, each once, in no order: two seeks per actor, whatever the size of its data, in parallel ranges
 * over the space of ids. Snapshot reads; holds a few batches at most, and reads on only as they are taken.
 */
export async function* scanActors(store: Store, options: ScanOptions): AsyncGenerator<ActorId[], void, undefined> {
  const waiting = idRanges().map((range) => scanRange(store, range, options));
  const running = new Map<AsyncGenerator<ActorId[]>, Promise<Step>>();
  const startNext = (): void => {
    const next = waiting.shift();
    if (next !== undefined) {
      running.set(next, step(next));
    }
  };
  try {
    while (running.size < PARALLEL && waiting.length > 0) {
      startNext();
    }
    while (running.size > 0) {
      const { from, result } = await Promise.race(running.values());
      if (result.done === true) {
        running.delete(from);
        startNext();
        continue;
      }
      running.set(from, step(from));
      if (result.value.length > 0) {
        yield result.value;
      }
    }
  } finally {
    await Promise.allSettled(running.values());
  }
}

interface Step {
  readonly from: AsyncGenerator<ActorId[]>;
  readonly result: IteratorResult<ActorId[], unknown>;
}

async function step(from: AsyncGenerator<ActorId[]>): Promise<Step> {
  return { from, result: await from.next() };
}

/** The actors' key-value spaces cut by the first byte of the ids' random part; what lies outside them goes with the outer ranges. */
function idRanges(): KeyRange[] {
  const width = 256 / RANGES;
  const at = (index: number): Uint8Array => concatBytes(ACTOR_KV_ROOT, new Uint8Array([ID_VERSION, index * width]));
  return Array.from({ length: RANGES }, (_, index) => ({
    begin: index === 0 ? ACTOR_KV_ROOT : at(index),
    end: index === RANGES - 1 ? prefixEnd(ACTOR_KV_ROOT) : at(index + 1),
  }));
}

async function* scanRange(
  store: Store,
  range: KeyRange,
  options: ScanOptions,
): AsyncGenerator<ActorId[], void, undefined> {
  let begin: Uint8Array | undefined = range.begin;
  while (begin !== undefined) {
    const from: Uint8Array = begin;
    const part = await store.transact((tx) => scanPart(tx, { begin: from, end: range.end }), {
      label: "scan",
      signal: options.signal,
    });
    part.foreignKeys.forEach((key) => options.onForeignKey?.(key));
    yield part.ids;
    begin = part.next;
  }
}

interface ScannedPart {
  readonly ids: ActorId[];
  readonly foreignKeys: Uint8Array[];
  /** Where to go on; undefined at the end. */
  readonly next: Uint8Array | undefined;
}

async function scanPart(tx: Transaction, range: KeyRange): Promise<ScannedPart> {
  const startedMs = performance.now();
  const ids: ActorId[] = [];
  const foreignKeys: Uint8Array[] = [];
  let begin = range.begin;
  for (let seen = 0; seen < ACTORS_PER_TRANSACTION && performance.now() - startedMs < TRANSACTION_MS; seen += 1) {
    const first = await firstKey(tx, { begin, end: range.end });
    if (first === undefined) {
      return { ids, foreignKeys, next: undefined };
    }
    const id = idOfKey(first);
    if (id === undefined) {
      foreignKeys.push(first);
      begin = afterForeignKey(first);
      continue;
    }
    if (await hasV1Data(tx, id, first)) {
      ids.push(id);
    }
    begin = prefixEnd(actorKvSubspace(id));
  }
  return { ids, foreignKeys, next: begin };
}

async function hasV1Data(tx: Transaction, id: ActorId, firstKeyOfActor: Uint8Array): Promise<boolean> {
  const range = v1Range(id);
  if (compareBytes(firstKeyOfActor, range.begin) >= 0) {
    return compareBytes(firstKeyOfActor, range.end) < 0;
  }
  return (await firstKey(tx, range)) !== undefined;
}

async function firstKey(tx: Transaction, range: KeyRange): Promise<Uint8Array | undefined> {
  if (compareBytes(range.begin, range.end) >= 0) {
    return undefined;
  }
  for await (const batch of tx.getRange(range, { limit: 1, snapshot: true })) {
    return batch[0]?.key;
  }
  return undefined;
}

function idOfKey(key: Uint8Array): ActorId | undefined {
  try {
    return actorOfKvKey(key);
  } catch (error) {
    if (error instanceof FormatError) {
      return undefined;
    }
    throw error;
  }
}

/** Past everything with the same 19 bytes where the id would be, or past the key itself where it is shorter. */
function afterForeignKey(key: Uint8Array): Uint8Array {
  const idEnd = ACTOR_KV_ROOT.length + ACTOR_ID_BYTES;
  return key.length > idEnd ? prefixEnd(key.subarray(0, idEnd)) : keyAfter(key);
}
