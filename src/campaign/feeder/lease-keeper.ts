import type { Store, Transaction } from "../../store/store.ts";
import {
  assertFeeder,
  dropFeederLease,
  FeederReplacedError,
  holdFeederLease,
  isSameLease,
  LEASE_MS,
  type FeederLease,
} from "./feeder-lease.ts";

/** How often the lease is renewed: a fraction of how long it lasts. */
export const RENEW_MS = 1_500;

/**
 * A feeder's side of the lease: takes it, renews it in time, and guards what is written under it.
 *
 * Of another's clock it believes only that a lease is over. That one is not renewed any more it tells by its own clock: one that was
 * ahead when its feeder died would keep everybody from feeding until that time comes, and one that lives must keep its lease, or two
 * feeders whose clocks differ would take it from each other for ever.
 */
export class LeaseKeeper {
  readonly #store: Store;
  readonly #me: { readonly token: string; readonly host: string };
  readonly #now: () => number;
  /** When the lease was taken or renewed; undefined where it is not held, or that is not certain. */
  #heldSinceMs: number | undefined;
  #holding: Promise<boolean> | undefined;
  /** Another's lease as it was last seen, and since when it has been the same. */
  #other: { readonly lease: FeederLease; readonly sinceMs: number } | undefined;

  constructor(store: Store, me: { token: string; host: string }, now: () => number) {
    this.#store = store;
    this.#me = { token: me.token, host: me.host };
    this.#now = now;
  }

  /**
   * Takes the lease, or renews it when it is time: each is a commit, which feeding would wait for. Asked meanwhile it is the same one: two
   * would conflict. @returns whether it is held.
   */
  hold(): Promise<boolean> {
    this.#holding ??= this.#hold().finally(() => {
      this.#holding = undefined;
    });
    return this.#holding;
  }

  /**
   * Renews the lease within a long round: another feeder takes over from one that is dead, not from one that is busy.
   * @throws FeederReplacedError
   */
  async keep(): Promise<void> {
    if (!(await this.hold())) {
      throw new FeederReplacedError();
    }
  }

  /** Trusts nothing it knew of the lease: something failed under it. */
  doubt(): void {
    this.#heldSinceMs = undefined;
  }

  /** Gives the lease up, so that another feeder need not wait. */
  async drop(): Promise<void> {
    this.doubt();
    await dropFeederLease(this.#store, this.#me.token);
  }

  /** To be run in every transaction that feeds. @throws FeederReplacedError */
  readonly guard = async (tx: Transaction): Promise<void> => assertFeeder(tx, this.#me.token);

  async #hold(): Promise<boolean> {
    const nowMs = this.#now();
    if (this.#heldSinceMs !== undefined && isWithin(nowMs - this.#heldSinceMs, RENEW_MS)) {
      return true;
    }
    const seen = this.#other;
    const silent = seen !== undefined && nowMs - seen.sinceMs >= LEASE_MS ? seen.lease : undefined;
    const lease = await holdFeederLease(this.#store, this.#me, { nowMs, silent });
    this.#heldSinceMs = lease === undefined ? nowMs : undefined;
    if (lease === undefined) {
      this.#other = undefined;
    } else if (!isSameLease(lease, seen?.lease)) {
      this.#other = { lease, sinceMs: nowMs };
    }
    return lease === undefined;
  }
}

/** Whether so much time has not gone by; it has where it is less than none, as the clock was put back. */
function isWithin(elapsedMs: number, ms: number): boolean {
  return elapsedMs >= 0 && elapsedMs < ms;
}
