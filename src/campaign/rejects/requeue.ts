import type { ActorId } from "../../formats/actor-id.ts";
import type { Outcome } from "../../migration/outcome.ts";
import type { Store } from "../../store/store.ts";
import { lookUpOutcomes } from "../ledger/ledger.ts";
import { countReason, type ReasonCount } from "../reason-count.ts";
import { findOutcomes, matches, type RejectFilter, type RejectState } from "./rejects.ts";

/** Which rejected or failed actors are asked again. */
export interface RequeueSelection {
  /** These, as far as they match the rest; none: all that match. */
  readonly ids: readonly ActorId[];
  readonly states: readonly RejectState[];
  /** `beforeMs` at the latest the time of the command: what is rejected again while it runs is not asked once more. */
  readonly filter: RejectFilter & { readonly beforeMs: number };
  /** At most so many. */
  readonly limit: number;
}

/** Given actors that are left alone. */
export interface LeftAlone {
  /** Left on v1 by an operator. */
  waived: number;
  /** Neither rejected nor failed, or not what the other options ask for. */
  others: number;
}

/** The outcomes of the actors to be asked again, each once; `left` counts given ones that are not among them. */
export async function* selectRequeue(
  store: Store,
  { ids, states, filter, limit }: RequeueSelection,
  left: LeftAlone = { waived: 0, others: 0 },
): AsyncGenerator<Outcome, void, undefined> {
  const found = ids.length === 0 ? all(store, states, filter) : given(store, { ids, states, filter, left });
  if (limit === 0) {
    return;
  }
  let count = 0;
  for await (const outcome of found) {
    yield outcome;
    count += 1;
    if (count >= limit) {
      return;
    }
  }
}

async function* all(
  store: Store,
  states: readonly RejectState[],
  filter: RejectFilter,
): AsyncGenerator<Outcome, void, undefined> {
  for (const state of states) {
    yield* findOutcomes(store, { state, filter });
  }
}

async function* given(
  store: Store,
  what: { ids: readonly ActorId[]; states: readonly RejectState[]; filter: RejectFilter; left: LeftAlone },
): AsyncGenerator<Outcome, void, undefined> {
  const { states, filter, left } = what;
  for await (const { outcome } of lookUpOutcomes(store, new Set(what.ids))) {
    if (outcome !== undefined && states.some((state) => state === outcome.state) && matches(outcome, filter)) {
      yield outcome;
    } else if (outcome?.reason === "waived") {
      left.waived += 1;
    } else {
      left.others += 1;
    }
  }
}

/** Counts a selection by state and reason, without holding it. */
export async function countRequeue(outcomes: AsyncIterable<Outcome>): Promise<ReasonCount[]> {
  const counts = new Map<string, ReasonCount>();
  for await (const outcome of outcomes) {
    countReason(counts, outcome);
  }
  return [...counts.values()];
}
