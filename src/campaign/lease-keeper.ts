import type { Store, Transaction } from "../store/store.ts";
import { assertFeeder, dropFeederLease, FeederReplacedError, holdFeederLease } from "./feeder-lease.ts";

/** How often the lease is renewed: a fraction of how long it lasts. */
const RENEW_MS = 1_500;

/** A feeder's side of the lease: takes it, renews it in time, and guards what is written under it. */
export class LeaseKeeper {
  readonly #store: Store;
  readonly #me: { readonly token: string; readonly host: string };
  readonly #now: () => number;
  #renewAtMs = 0;

  constructor(store: Store, me: { token: string; host: string }, now: () => number) {
    this.#store = store;
    this.#me = { token: me.token, host: me.host };
    this.#now = now;
  }

  /** Takes the lease, or renews it when it is time: each is a commit, which feeding would wait for. @returns whether it is held. */
  async hold(): Promise<boolean> {
    const nowMs = this.#now();
    if (nowMs < this.#renewAtMs) {
      return true;
    }
    const held = await holdFeederLease(this.#store, this.#me, nowMs);
    this.#renewAtMs = held ? nowMs + RENEW_MS : 0;
    return held;
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
    this.#renewAtMs = 0;
  }

  /** Gives the lease up, so that another feeder need not wait. */
  async drop(): Promise<void> {
    this.doubt();
    await dropFeederLease(this.#store, this.#me.token);
  }

  /** To be run in every transaction that feeds. @throws FeederReplacedError */
  readonly guard = async (tx: Transaction): Promise<void> => assertFeeder(tx, this.#me.token);
}
