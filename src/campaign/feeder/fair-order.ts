/*
 * Whose actor is next when several campaigns wait: start-time fair queuing.
 *
 *   turn    every actor fed gets a number, and the queue serves lower ones first. A campaign's turns follow each other; one that had
 *           nothing waiting begins at the turn that is served now. So campaigns take turns actor by actor, however long their windows are.
 *   bound   a waiting actor has a fixed number, and new ones come in at the turn served now or later: as turns go on, its own comes.
 *   rebase  the queue knows some two million numbers. Before they run out, those that are left are moved back to the beginning.
 *
 * A number that said the place in the campaign's own window instead would let a short window, filled again and again, go before a long
 * one for ever.
 */

/** The queue's largest turn: BullMQ takes priorities up to 2^21. */
const LAST_TURN = 2 ** 21;
/** Far enough from the last for what windows hold. */
const REBASE_AT = 2 ** 20;

export class FairOrder {
  /** The turn that is served now, as far as is known. */
  #now = 1;
  /** By campaign, the turn after its last one. */
  readonly #next = new Map<string, number>();

  /** Says which turn the queue serves; undefined: it has given none, or has forgotten them all. */
  observe(turn: number | undefined): void {
    if (turn !== undefined) {
      // An actor that is tried again comes back with the turn it had.
      this.#now = Math.max(this.#now, turn);
      return;
    }
    this.#now = 1;
    for (const campaign of this.#next.keys()) {
      this.#next.set(campaign, 1);
    }
  }

  /**
   * Gives a campaign's next actors their turns. `open`: how many of it are under way; of a campaign that is new here, another feeder
   * gave them their turns. @returns the turn of each, by its index.
   */
  take(campaign: string, actors: number, open: number): (index: number) => number {
    const first = Math.max(this.#now, this.#next.get(campaign) ?? this.#now + open);
    this.#next.set(campaign, first + actors);
    return (index) => Math.min(first + index, LAST_TURN);
  }

  /** Forgets a campaign's turns: none of those it was given waits any more. */
  forget(campaign: string): void {
    this.#next.delete(campaign);
  }

  /** The campaigns in the order in which they are to be fed: who has had the fewest turns first. */
  sorted<T extends { readonly name: string }>(campaigns: readonly T[]): T[] {
    const next = ({ name }: T): number => Math.max(this.#now, this.#next.get(name) ?? 0);
    return campaigns.toSorted((a, b) => next(a) - next(b));
  }

  /** By how much all turns, also those in the queue, are to be moved back now; 0: not yet. */
  get rebaseBy(): number {
    return this.#now >= REBASE_AT ? this.#now - 1 : 0;
  }

  /** Moves its own turns back, once the queue has done so with those in it. */
  rebase(by: number): void {
    this.#now -= by;
    for (const [campaign, next] of this.#next) {
      this.#next.set(campaign, Math.max(1, next - by));
    }
  }
}
