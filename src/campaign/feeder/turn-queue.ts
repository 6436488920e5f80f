import type { ActorId } from "../../formats/actor-id.ts";
import type { Campaign } from "../campaign.ts";
import { FairOrder } from "./fair-order.ts";
import type { FeedQueue } from "./feed-queue.ts";

/** Puts campaigns' actors on the queue, each with its turn (fair-order.ts). */
export class TurnQueue {
  readonly #queue: FeedQueue;
  readonly #order = new FairOrder();
  #putting: Promise<unknown> = Promise.resolve();

  constructor(queue: FeedQueue) {
    this.#queue = queue;
  }

  /** The campaigns in the order in which they are to be fed: who has had the fewest turns first. */
  sorted<T extends { readonly name: string }>(campaigns: readonly T[]): T[] {
    return this.#order.sorted(campaigns);
  }

  /**
   * Puts actors on the queue. `open`: how many of the campaign are under way besides. One call after another, however many are made at
   * once: two that both found that turns run out would move them back twice.
   */
  async put(campaign: Campaign, ids: readonly ActorId[], open: number): Promise<void> {
    const put = this.#putting.then(async () => this.#put(campaign, ids, open));
    this.#putting = put.catch(() => undefined);
    await put;
  }

  /**
   * Takes jobs of a campaign that wait off the queue. What is fed of it afterwards has the next turns: those of the jobs that are gone lie
   * behind all that waits of other campaigns. @returns the actors whose job is gone by that.
   */
  async withdraw(campaign: string, ids: readonly ActorId[]): Promise<ActorId[]> {
    this.#order.forget(campaign);
    return this.#queue.withdraw(campaign, ids);
  }

  async #put(campaign: Campaign, ids: readonly ActorId[], open: number): Promise<void> {
    this.#order.observe(await this.#queue.turn());
    const by = this.#order.rebaseBy;
    if (by > 0) {
      await this.#queue.rebaseTurns(by);
      this.#order.rebase(by);
    }
    const turnOf = this.#order.take(campaign.name, ids.length, open);
    await this.#queue.feed(
      ids.map((actorId, index) => ({
        actorId,
        campaign: campaign.name,
        options: campaign.spec.options,
        turn: turnOf(index),
      })),
    );
  }
}
