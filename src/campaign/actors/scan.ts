import type { ActorId } from "../../formats/actor-id.ts";
import type { KeyRange, Store, TransactOptions } from "../../store/store.ts";
import { readV1Actors, splitActorSpace, type V1Actor } from "./v1-actors.ts";

/** Ranges, all read at once: a read finds one actor, and waits for the cluster. Ids are random, so each range holds about as many. */
const RANGES = 64;
/** What a transaction does at most: some hundred milliseconds' worth of its five seconds. */
const LIMITS = { maxActors: 250, maxReads: 500 };

interface Step {
  readonly from: AsyncGenerator<ActorId[]>;
  readonly result: IteratorResult<ActorId[], unknown>;
}

/**
 * Finds every actor with v1 data, each once, in no order, in parallel ranges over the space of ids. Snapshot reads; holds a batch
 * per range at most, and reads on only as they are taken.
 */
export async function* scanActors(store: Store, signal: AbortSignal): AsyncGenerator<ActorId[], void, undefined> {
  const running = new Map<AsyncGenerator<ActorId[]>, Promise<Step>>();
  const readOn = (from: AsyncGenerator<ActorId[]>): void => {
    const reading = step(from);
    // Awaited once the consumer asks for more; a failure before that is not an unhandled rejection.
    reading.catch(() => undefined);
    running.set(from, reading);
  };
  try {
    for (const range of splitActorSpace(RANGES)) {
      readOn(idsIn(store, range, signal));
    }
    while (running.size > 0) {
      const { from, result } = await Promise.race(running.values());
      if (result.done === true) {
        running.delete(from);
        continue;
      }
      readOn(from);
      if (result.value.length > 0) {
        yield result.value;
      }
    }
  } finally {
    // A consumer that stops early leaves transactions under way; the store must not be closed under them.
    await Promise.allSettled(running.values());
  }
}

async function step(from: AsyncGenerator<ActorId[]>): Promise<Step> {
  return { from, result: await from.next() };
}

async function* idsIn(store: Store, range: KeyRange, signal: AbortSignal): AsyncGenerator<ActorId[], void, undefined> {
  for await (const actors of scanRange(store, range, { label: "scan", signal })) {
    yield actors.map(({ id }) => id);
  }
}

/** The actors with v1 data in a range, as many at a time as a transaction finds, which may be none. */
export async function* scanRange(
  store: Store,
  range: KeyRange,
  options: Pick<TransactOptions, "label" | "signal">,
): AsyncGenerator<V1Actor[], void, undefined> {
  let begin: Uint8Array | undefined = range.begin;
  while (begin !== undefined) {
    const from: Uint8Array = begin;
    const part = await store.transact((tx) => readV1Actors(tx, { begin: from, end: range.end }, LIMITS), options);
    yield part.actors;
    begin = part.next;
  }
}
