import type { ActorId } from "../../formats/actor-id.ts";
import type { Outcome, OutcomeState } from "../../migration/outcome.ts";
import type { Store } from "../../store/store.ts";
import { readV1Size } from "../actors/v1-actors.ts";
import { inBatches } from "../batches.ts";
import { listOutcomes, readOutcome, type IndexPlace } from "../ledger/ledger.ts";
import { fingerprintOf } from "./fingerprint.ts";

/** Actors per transaction when sizes are read. */
const BATCH = 200;

/** States that operators work through: what is wrong with the data, and what the store or the queue did not let happen. */
export const REJECT_STATES = ["rejected", "failed"] as const;
export type RejectState = (typeof REJECT_STATES)[number];

/** Whether an outcome, or what a campaign counts of one, is of these states. */
export function isReject({ state }: { readonly state?: OutcomeState | undefined }): boolean {
  return REJECT_STATES.some((reject) => reject === state);
}

/** Which rejects; absent fields let all pass. */
export interface RejectFilter {
  readonly reason?: string | undefined;
  readonly fingerprint?: string | undefined;
  /** The campaign the outcome is recorded under. */
  readonly campaign?: string | undefined;
  /** Bounds of the outcome's time, milliseconds since the epoch; both excluded. */
  readonly beforeMs?: number | undefined;
  readonly afterMs?: number | undefined;
  /** Bounds of the size, both included. A size that nobody knows is 0. */
  readonly minBytes?: number | undefined;
  readonly maxBytes?: number | undefined;
}

/** An actor that was rejected or failed. */
export interface Reject {
  readonly outcome: Outcome;
  readonly fingerprint: string;
  /** The main file's size by its metadata in v1; 0 where there is none that can be read. */
  readonly bytes: number;
}

/** Whether an outcome passes all of a filter but its sizes. */
export function matches(outcome: Outcome, filter: RejectFilter): boolean {
  const finishedAtMs = Date.parse(outcome.finishedAt);
  return (
    (filter.reason === undefined || outcome.reason === filter.reason) &&
    (filter.campaign === undefined || outcome.campaign === filter.campaign) &&
    (filter.beforeMs === undefined || finishedAtMs < filter.beforeMs) &&
    (filter.afterMs === undefined || finishedAtMs > filter.afterMs) &&
    (filter.fingerprint === undefined || fingerprintOf(outcome) === filter.fingerprint)
  );
}

/** Rejects of one state, by reason and then by actor, with their sizes; in bounded memory. `after`: where to go on. */
export async function* findRejects(
  store: Store,
  query: { state: RejectState; filter: RejectFilter; after?: IndexPlace | undefined },
): AsyncGenerator<Reject, void, undefined> {
  const { minBytes = 0, maxBytes = Infinity } = query.filter;
  for await (const outcomes of inBatches(findOutcomes(store, query), BATCH)) {
    const rejects = await withSizes(store, outcomes);
    yield* rejects.filter(({ bytes }) => bytes >= minBytes && bytes <= maxBytes);
  }
}

/** The same without sizes, and without a read of v1: sizes in the filter are not looked at. */
export async function* findOutcomes(
  store: Store,
  { state, filter, after }: { state: RejectState; filter: RejectFilter; after?: IndexPlace | undefined },
): AsyncGenerator<Outcome, void, undefined> {
  for await (const outcome of listOutcomes(store, { state, reason: filter.reason, after })) {
    if (matches(outcome, filter)) {
      yield outcome;
    }
  }
}

/** Ids of what the ledger calls rejected or failed, for this reason or for any. */
export async function* rejectedIds(store: Store, reason: string | undefined): AsyncGenerator<ActorId, void, undefined> {
  for (const state of REJECT_STATES) {
    for await (const { actorId } of listOutcomes(store, { state, reason })) {
      yield actorId;
    }
  }
}

/** One actor's reject with its size, or undefined when its last outcome is none. */
export async function findReject(store: Store, id: ActorId): Promise<Reject | undefined> {
  const outcome = await readOutcome(store, id);
  return outcome !== undefined && isReject(outcome) ? (await withSizes(store, [outcome]))[0] : undefined;
}

async function withSizes(store: Store, outcomes: readonly Outcome[]): Promise<Reject[]> {
  return store.transact(
    async (tx) =>
      Promise.all(
        outcomes.map(async (outcome) => ({
          outcome,
          fingerprint: fingerprintOf(outcome),
          bytes: await readV1Size(tx, outcome.actorId),
        })),
      ),
    { label: "ledger" },
  );
}
