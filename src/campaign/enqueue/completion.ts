import type { ActorId } from "../../formats/actor-id.ts";
import { OUTCOME_STATES, type Outcome, type OutcomeState } from "../../migration/outcome.ts";
import type { Store } from "../../store/store.ts";
import { lookUpOutcomes } from "../ledger/ledger.ts";
import { countReason, type ReasonCount } from "../reason-count.ts";

/** How far the actors that are waited for have come. */
export interface Completion {
  /** Actors waited for, so far. */
  readonly total: number;
  /** Those with an outcome of this run, by state. `deferred` ones come back later by themselves. */
  readonly byState: Readonly<Record<OutcomeState, number>>;
  /** The same by state and reason, for those that have one final. */
  readonly byReason: readonly ReasonCount[];
  /** The rest. */
  readonly pending: number;
}

/**
 * Follows actors from the moment they are put on the queue until the ledger has a newer outcome of theirs. Holds the ids of those
 * without one, which the window bounds, and counts of the rest.
 */
export class CompletionTracker {
  readonly #store: Store;
  /** Pending actors, and what the ledger said of them before: its `finishedAt`, or undefined. */
  readonly #pending = new Map<ActorId, string | undefined>();
  /** Deferred actors, whose next outcome is still counted. */
  readonly #deferred = new Map<ActorId, Outcome>();
  /** Of the others, by state and reason. */
  readonly #final = new Map<string, ReasonCount>();
  #total = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Adds actors; call it before they are put on the queue, with what the ledger says of them then. */
  add(ids: readonly ActorId[], previous: ReadonlyMap<ActorId, Outcome>): void {
    for (const id of ids) {
      if (!this.#pending.has(id) && !this.#deferred.has(id)) {
        this.#pending.set(id, previous.get(id)?.finishedAt);
        this.#total += 1;
      }
    }
  }

  get completion(): Completion {
    const counts = new Map(this.#final);
    for (const outcome of this.#deferred.values()) {
      countReason(counts, outcome);
    }
    const byReason = [...counts.values()];
    const sum = (state: OutcomeState): number =>
      byReason.reduce((total, count) => total + (count.state === state ? count.actors : 0), 0);
    return {
      total: this.#total,
      byState: Object.fromEntries(OUTCOME_STATES.map((state) => [state, sum(state)])) as Record<OutcomeState, number>,
      byReason,
      pending: this.#pending.size,
    };
  }

  /** Reads the ledger for all that are pending or deferred. */
  async look(): Promise<Completion> {
    for await (const { id, outcome } of lookUpOutcomes(this.#store, [
      ...this.#pending.keys(),
      ...this.#deferred.keys(),
    ])) {
      const before = this.#deferred.get(id)?.finishedAt ?? this.#pending.get(id);
      if (outcome !== undefined && outcome.finishedAt !== before) {
        this.#settle(id, outcome);
      }
    }
    return this.completion;
  }

  /**
   * Counts what is still pending by the outcome the ledger has, however old: for a queue that is empty. So ends an actor that Ferry had
   * migrated before, of which an attempt records nothing new.
   */
  async settleRest(): Promise<Completion> {
    await this.look();
    for await (const { id, outcome } of lookUpOutcomes(this.#store, [...this.#pending.keys()])) {
      if (outcome !== undefined) {
        this.#settle(id, outcome);
      }
    }
    return this.completion;
  }

  #settle(id: ActorId, outcome: Outcome): void {
    this.#pending.delete(id);
    this.#deferred.delete(id);
    if (outcome.state === "deferred") {
      this.#deferred.set(id, outcome);
    } else {
      countReason(this.#final, outcome);
    }
  }
}
