import type { Store } from "../store/store.ts";
import type { CampaignState } from "./campaign.ts";
import { findCampaign } from "./campaign-store.ts";

/** How old a worker's knowledge of a campaign's state may be: so long after `pause` the last job may still begin. */
const FRESH_MS = 1_000;

/**
 * Tells a worker whether a campaign's jobs are to be run now. Jobs of a campaign that is paused, being cancelled or gone lie in Redis
 * until a worker takes them; it hands them back to the campaign instead of running them.
 */
export class CampaignGate {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #known = new Map<string, { atMs: number; state: Promise<CampaignState | undefined> }>();

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async isRunning(name: string): Promise<boolean> {
    return (await this.#stateOf(name)) === "running";
  }

  #stateOf(name: string): Promise<CampaignState | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined && this.#now() - known.atMs < FRESH_MS) {
      return known.state;
    }
    const state = this.#store.transact(async (tx) => (await findCampaign(tx, name, { snapshot: true }))?.state, {
      label: "campaign",
    });
    this.#known.set(name, { atMs: this.#now(), state });
    // An answer that failed is not kept for a second.
    state.catch(() => this.#known.delete(name));
    return state;
  }
}
