import type { ActorId } from "../../formats/actor-id.ts";
import type { Outcome } from "../../migration/outcome.ts";
import type { Store } from "../../store/store.ts";
import { readOutcomes } from "../ledger/ledger.ts";
import { findOutcomes, matches, type RejectFilter, type RejectState } from "./rejects.ts";

/** Ids per transaction when given ones are looked up. */
const BATCH = 200;

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
  let count = 0;
  if (limit === 0) {
    return;
  }
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
  const ids = [...new Set(what.ids)];
  for (let start = 0; start < ids.length; start += BATCH) {
    const part = ids.slice(start, start + BATCH);
    const outcomes = await readOutcomes(store, part);
    for (const id of part) {
      const outcome = outcomes.get(id);
      if (outcome !== undefined && states.some((state) => state === outcome.state) && matches(outcome, filter)) {
        yield outcome;
      } else if (outcome?.reason === "waived") {
        left.waived += 1;
      } else {
        left.others += 1;
      }
    }
  }
}

/** How many actors a selection has, by state and reason. */
export interface RequeueCount {
  readonly state: string;
  readonly reason: string;
  readonly actors: number;
}

/** Counts a selection without holding it. */
export async function countRequeue(outcomes: AsyncIterable<Outcome>): Promise<RequeueCount[]> {
  const counts = new Map<string, RequeueCount>();
  for await (const { state, reason = "" } of outcomes) {
    const key = `${state} ${reason}`;
    counts.set(key, { state, reason, actors: (counts.get(key)?.actors ?? 0) + 1 });
  }
  return [...counts.values()];
}
