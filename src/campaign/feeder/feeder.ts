import type { Store } from "../../store/store.ts";
import type { FeedQueue } from "./feed-queue.ts";
import { FeederReplacedError } from "./feeder-lease.ts";
import type { FeederObserver } from "./feeder-observer.ts";
import { FeederTerm } from "./feeder-term.ts";
import { LeaseKeeper, RENEW_MS } from "./lease-keeper.ts";

/*
 * The feeder moves actors of running campaigns onto the queue, a window at a time. Everything it knows is in the store:
 *
 *   tick      every TICK_MS, or at once while there is more to do, as long as it holds the feeder's lease (lease-keeper.ts): a round
 *             of its term of office (feeder-term.ts). Without the lease it only tries to get it. While it leads, the lease is renewed
 *             beside the rounds: the store may hold a round back for a minute, as that has batch priority.
 *   round     for each campaign scan on and feed up to the window (window-feed.ts), meanwhile find lost jobs again; judge the circuit
 *             breaker, complete or cancel what is over.
 *   feed      first a transaction that records the actors as open, then the queue. A feeder that dies between the two, or a Redis
 *             that forgets, leaves open actors without a job: looking for lost jobs asks the queue for each and feeds it again.
 *   limits    where an operator sets others, what waits on the queue is taken back first (withdraw-waiting.ts); see
 *             docs/decisions/limits-take-the-window-back.md. Then no more is fed than they allow (feed-room.ts).
 *   order     turn by turn between campaigns, see fair-order.ts; who has had the fewest turns is served first, and what limits of the
 *             fleet leave is shared among those that can use it (feed-room.ts).
 *   takeover  every transaction checks the lease with a conflict, so of two feeders only one writes.
 *
 * Redis is asked, never believed: what is open is what the store says.
 */

const TICK_MS = 250;

export interface FeederOptions {
  readonly store: Store;
  readonly queue: FeedQueue;
  readonly observer: FeederObserver;
  readonly now: () => number;
  /** Random, one per process. */
  readonly token: string;
  readonly host: string;
  /** Resolves after so many milliseconds, or at once when the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export class Feeder {
  readonly #options: FeederOptions;
  readonly #lease: LeaseKeeper;
  /** While it leads. */
  #term: FeederTerm | undefined;

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#lease = new LeaseKeeper(options.store, options, options.now);
  }

  /** Feeds until the signal fires; errors are reported and the next tick tries again. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#keepTicking(signal), this.#keepLease(signal)]);
    if (this.#term !== undefined) {
      // Where the store cannot be told, the others wait until it has run out.
      await this.#lease.drop().catch((error: unknown) => {
        this.#options.observer.failed(error);
      });
      this.#lead(false);
    }
  }

  async #keepTicking(signal: AbortSignal): Promise<void> {
    const { observer, sleep } = this.#options;
    while (!signal.aborted) {
      try {
        const busy = await this.tick();
        if (!busy) {
          await sleep(TICK_MS, signal);
        }
      } catch (error) {
        // Whether it still leads is what the next tick asks: a queue that refuses changes nothing about that.
        this.#lease.doubt();
        if (error instanceof FeederReplacedError) {
          this.#lead(false);
        } else {
          observer.failed(error);
        }
        await sleep(TICK_MS, signal);
      }
    }
  }

  async #keepLease(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.sleep(RENEW_MS, signal);
      // Where that fails the round finds out by itself.
      if (this.#term !== undefined && !(await this.#lease.hold().catch(() => true))) {
        this.#lead(false);
      }
    }
  }

  /** One round over all campaigns. @returns whether there is more to do at once. */
  async tick(): Promise<boolean> {
    this.#lead(
      await this.#lease.hold().catch((error: unknown) => {
        // Another may lead by now, for all it knows.
        this.#lead(false);
        throw error;
      }),
    );
    return this.#term === undefined ? false : this.#term.round();
  }

  #lead(leads: boolean): void {
    if (leads !== (this.#term !== undefined)) {
      this.#term = leads ? new FeederTerm({ ...this.#options, lease: this.#lease }) : undefined;
      this.#options.observer.leading(leads);
    }
  }
}
