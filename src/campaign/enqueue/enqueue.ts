import type { ActorId } from "../../formats/actor-id.ts";
import type { Outcome } from "../../migration/outcome.ts";
import type { Store } from "../../store/store.ts";
import { inBatches } from "../batches.ts";
import { readOutcomes } from "../ledger/ledger.ts";

/** Ids per round trip to the ledger and to the queue. */
const BATCH = 500;

/** What became of the requests; nothing is left out. */
export interface EnqueueCounts {
  /** New jobs. */
  readonly enqueued: number;
  /** Actors that had a job already: it serves the new request, or another follows when it is running. */
  readonly alreadyQueued: number;
  /** Of `alreadyQueued`, those that were running, so that another run follows. */
  readonly queuedAfterActive: number;
  /** Actors the ledger calls migrated, skipped or rejected; not asked again. */
  readonly alreadyDone: number;
}

/** The queue as a producer needs it; the queue layer has it. */
export interface JobSink {
  /** Puts actors on the queue, of which the ledger says `previous`; safe to repeat. */
  add(ids: readonly ActorId[], previous: ReadonlyMap<ActorId, Outcome>): Promise<Omit<EnqueueCounts, "alreadyDone">>;
  /** Waits until the window has room, and says for how many. */
  waitForRoom(signal: AbortSignal): Promise<number>;
}

/** What to enqueue and how. */
export interface EnqueueOptions {
  readonly store: Store;
  readonly sink: JobSink;
  /** Whether actors that are done are asked again. */
  readonly force: boolean;
  readonly signal: AbortSignal;
  /** Told before ids go on the queue, with what the ledger said of them until then. */
  readonly onBatch?: (ids: readonly ActorId[], previous: ReadonlyMap<ActorId, Outcome>) => void;
  /** Told what it came to so far, whenever that is more. */
  readonly onProgress?: (counts: EnqueueCounts) => void;
}

/** Puts actors on the queue as they come from their source, no faster than the window has room. */
export async function enqueueActors(
  source: AsyncIterable<Iterable<ActorId>> | Iterable<Iterable<ActorId>>,
  options: EnqueueOptions,
): Promise<EnqueueCounts> {
  let counts: EnqueueCounts = { enqueued: 0, alreadyQueued: 0, queuedAfterActive: 0, alreadyDone: 0 };
  const count = (more: EnqueueCounts): void => {
    counts = addCounts(counts, more);
    options.onProgress?.(counts);
  };
  // One batch goes on the queue while the next is found and looked up in the ledger.
  let adding: Promise<void> = Promise.resolve();
  try {
    for await (const ids of inBatches(oneByOne(source), BATCH)) {
      const previous = await readOutcomes(options.store, ids);
      await adding;
      adding = enqueueBatch(ids, previous, { ...options, count });
      // Awaited above or below; a failure before that is not an unhandled rejection.
      adding.catch(() => undefined);
    }
    await adding;
  } finally {
    await Promise.allSettled([adding]);
  }
  return counts;
}

/** One actor after the other: a scan finds a few here and a few there, and each batch is a transaction and some round trips. */
async function* oneByOne(
  source: AsyncIterable<Iterable<ActorId>> | Iterable<Iterable<ActorId>>,
): AsyncGenerator<ActorId, void, undefined> {
  for await (const ids of source) {
    yield* ids;
  }
}

async function enqueueBatch(
  ids: readonly ActorId[],
  previous: ReadonlyMap<ActorId, Outcome>,
  options: EnqueueOptions & { readonly count: (more: EnqueueCounts) => void },
): Promise<void> {
  const open = options.force ? ids : ids.filter((id) => !isDone(previous.get(id)));
  const alreadyDone = ids.length - open.length;
  if (alreadyDone > 0) {
    options.count({ enqueued: 0, alreadyQueued: 0, queuedAfterActive: 0, alreadyDone });
  }
  for (let start = 0; start < open.length;) {
    const room = await options.sink.waitForRoom(options.signal);
    options.signal.throwIfAborted();
    const part = open.slice(start, start + room);
    options.onBatch?.(part, previous);
    options.count({ ...(await options.sink.add(part, previous)), alreadyDone: 0 });
    start += part.length;
  }
}

/** Done until someone asks again; a failure is nobody's verdict on the data, so asking is enough. */
function isDone(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && outcome.state !== "deferred" && outcome.state !== "failed";
}

function addCounts(a: EnqueueCounts, b: EnqueueCounts): EnqueueCounts {
  return {
    enqueued: a.enqueued + b.enqueued,
    alreadyQueued: a.alreadyQueued + b.alreadyQueued,
    queuedAfterActive: a.queuedAfterActive + b.queuedAfterActive,
    alreadyDone: a.alreadyDone + b.alreadyDone,
  };
}
