import type { Store, Transaction } from "../../store/store.ts";
import type { Campaign } from "../campaign.ts";
import { isScanning, scanRound } from "../actors/scan-round.ts";

/** Scans a campaign's source while something else goes on, one round at a time. */
export class ScanAhead {
  readonly #store: Store;
  readonly #campaign: Campaign;
  readonly #guard: (tx: Transaction) => Promise<void>;
  #isFinished: boolean;
  #round: Promise<void> | undefined;

  /** `guard` runs in each transaction, see `scanRound`. */
  constructor(store: Store, campaign: Campaign, guard: (tx: Transaction) => Promise<void>) {
    this.#store = store;
    this.#campaign = campaign;
    this.#guard = guard;
    this.#isFinished = !isScanning(campaign);
  }

  /** Whether the source is exhausted; a list is given at once. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Begins a round, unless one is under way or there is nothing to scan. */
  begin(): void {
    if (this.#round === undefined && !this.#isFinished) {
      this.#round = this.#scan();
      // Awaited by `settle`; a failure before that is not an unhandled rejection.
      this.#round.catch(() => undefined);
    }
  }

  /** Waits for the round under way, if there is one. @throws what it failed with. */
  async settle(): Promise<void> {
    await this.#round;
  }

  async #scan(): Promise<void> {
    this.#isFinished = await scanRound(this.#store, this.#campaign, this.#guard);
    this.#round = undefined;
  }
}
