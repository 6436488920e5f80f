import type { ActorId } from "../../formats/actor-id.ts";
import type { Outcome } from "../../migration/outcome.ts";

/** Ids per round trip to the queue. */
const BATCH = 200;

/** Outcomes that are taken in two parts from one walk over the ledger: the canaries, then the rest. */
export class CanarySource {
  readonly #outcomes: AsyncIterator<Outcome>;

  constructor(outcomes: AsyncIterable<Outcome>) {
    this.#outcomes = outcomes[Symbol.asyncIterator]();
  }

  /** The next actors, in batches as the queue likes them; by default all that are left. */
  async *take(count = Infinity): AsyncGenerator<readonly ActorId[], void, undefined> {
    let ids: ActorId[] = [];
    for (let taken = 0; taken < count; taken += 1) {
      const next = await this.#outcomes.next();
      if (next.done === true) {
        break;
      }
      ids.push(next.value.actorId);
      if (ids.length >= BATCH) {
        yield ids;
        ids = [];
      }
    }
    yield ids;
  }
}
