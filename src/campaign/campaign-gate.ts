import type { Store } from "../store/store.ts";
import type { Campaign, CampaignSource } from "./campaign.ts";
import { findCampaign } from "./campaign-store.ts";

/** How old a worker's knowledge of a campaign's state may be: so long after `pause` the last job may still begin. */
const FRESH_MS = 1_000;

/**
 * Tells a worker whether a campaign's jobs are to be run now, and where they come from. Jobs of a campaign that is paused, being cancelled
 * or gone lie in Redis until a worker takes them; it hands them back to the campaign instead of running them.
 */
export class CampaignGate {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #known = new Map<string, { atMs: number; campaign: Promise<Campaign | undefined> }>();

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async isRunning(name: string): Promise<boolean> {
    return (await this.#find(name))?.state === "running";
  }

  /** Where a campaign's actors come from; undefined when there is none of this name. */
  async sourceOf(name: string): Promise<CampaignSource | undefined> {
    return (await this.#find(name))?.spec.source;
  }

  #find(name: string): Promise<Campaign | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined && this.#now() - known.atMs < FRESH_MS) {
      return known.campaign;
    }
    const campaign = this.#store.transact(async (tx) => findCampaign(tx, name, { snapshot: true }), {
      label: "campaign",
    });
    this.#known.set(name, { atMs: this.#now(), campaign });
    // An answer that failed is not kept for a second.
    campaign.catch(() => this.#known.delete(name));
    return campaign;
  }
}
