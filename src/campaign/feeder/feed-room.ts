import type { Campaign } from "../campaign.ts";
import { ratesInForce, type Limits } from "../limits.ts";
import type { Tally } from "../campaign-counts.ts";
import type { FeedPace, FeedRoom } from "./feed-pace.ts";
import type { FleetLimits } from "../fleet/fleet-limits.ts";

const UNLIMITED = Number.MAX_SAFE_INTEGER;
/**
 * How much of what rates allow may wait for a free slot: without a bound, workers that come back after an hour would do that hour's worth
 * at once. Longer than a campaign's turn in a round of the feeder takes to come.
 */
const BACKLOG_SECONDS = 3;

/** What all campaigns share in one round of the feeder. */
export interface FleetRoom {
  readonly limits: FleetLimits;
  readonly pace: FeedPace;
  /** What is under way, of all campaigns. */
  open: Tally;
  /** What workers can work on at once, all together. */
  readonly slots: number;
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
    const { limits, sharers, open, slots } = fleet;
    const shared = least(fleet.pace.room(limits, nowMs), roomUnder(limits, open, slots));
    this.#part = { actors: Math.ceil(shared.actors / sharers), bytes: shared.bytes / sharers };
  }

  /** What may be fed now, with so many of the campaign under way. */
  left(open: Tally, nowMs: number): FeedRoom {
    const rates = ratesInForce(this.#campaign, nowMs);
    const own = least(this.#pace.room(rates, nowMs), roomUnder(rates, open, this.#fleet.slots));
    const { actors, bytes } = least(own, this.#part);
    return { actors: Math.floor(Math.min(actors, this.#campaign.settings.window - open.actors)), bytes };
  }

  /** Says what was fed. */
  take(batch: FeedRoom): void {
    this.#pace.take(batch);
    this.#fleet.pace.take(batch);
    const { actors, bytes } = this.#fleet.open;
    this.#fleet.open = { actors: actors + batch.actors, bytes: bytes + batch.bytes };
    this.#part.actors -= batch.actors;
    this.#part.bytes -= batch.bytes;
  }
}

/**
 * What limits allow besides what is under way. Nobody counts what has begun, so that as many actors as there are slots are taken to have,
 * and the others to be of average size.
 */
function roomUnder(
  { actorsPerSecond, bytesPerSecond, concurrentActors }: Limits,
  open: Tally,
  slots: number,
): FeedRoom {
  const waiting = Math.max(0, open.actors - slots);
  const waitingBytes = waiting === 0 ? 0 : (open.bytes * waiting) / open.actors;
  return {
    actors: Math.min(
      (concurrentActors ?? UNLIMITED) - open.actors,
      Math.max(1, BACKLOG_SECONDS * (actorsPerSecond ?? UNLIMITED)) - waiting,
    ),
    bytes: BACKLOG_SECONDS * (bytesPerSecond ?? UNLIMITED) - waitingBytes,
  };
}

function least(a: FeedRoom, b: FeedRoom): FeedRoom {
  return { actors: Math.min(a.actors, b.actors), bytes: Math.min(a.bytes, b.bytes) };
}
