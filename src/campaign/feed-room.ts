import type { Campaign } from "./campaign.ts";
import { ratesInForce } from "./campaign.ts";
import type { FeedPace, FeedRoom } from "./feed-pace.ts";
import type { FleetLimits } from "./fleet.ts";

const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** What all campaigns share in one round of the feeder. */
export interface FleetRoom {
  readonly limits: FleetLimits;
  readonly pace: FeedPace;
  /** Actors under way, of all campaigns. */
  open: number;
  /** Campaigns still to be fed in this round, the one at hand included: it may take one part in so many. */
  sharers: number;
}

/** How much of one campaign may be fed in one round: its window, its rates, and its part of what the fleet may have. */
export class CampaignRoom {
  readonly #campaign: Campaign;
  readonly #pace: FeedPace;
  readonly #fleet: FleetRoom;
  readonly #part: { actors: number; bytes: number };

  constructor(campaign: Campaign, pace: FeedPace, fleet: FleetRoom, nowMs: number) {
    this.#campaign = campaign;
    this.#pace = pace;
    this.#fleet = fleet;
    const { limits, sharers, open } = fleet;
    const shared = fleet.pace.room(limits, nowMs);
    this.#part = {
      actors: Math.ceil(Math.min(shared.actors, (limits.concurrentActors ?? UNLIMITED) - open) / sharers),
      bytes: shared.bytes / sharers,
    };
  }

  /** What may be fed now, with so many of the campaign under way. */
  left(open: number, nowMs: number): FeedRoom {
    const rates = ratesInForce(this.#campaign, nowMs);
    const own = this.#pace.room(rates, nowMs);
    const most = Math.min(this.#campaign.settings.window, rates.concurrentActors ?? UNLIMITED) - open;
    return {
      actors: Math.floor(Math.min(most, own.actors, this.#part.actors)),
      bytes: Math.min(own.bytes, this.#part.bytes),
    };
  }

  /** Says what was fed. */
  take(batch: FeedRoom): void {
    this.#pace.take(batch);
    this.#fleet.pace.take(batch);
    this.#fleet.open += batch.actors;
    this.#part.actors -= batch.actors;
    this.#part.bytes -= batch.bytes;
  }
}
