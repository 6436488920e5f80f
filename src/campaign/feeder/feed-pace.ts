import type { CampaignSettings } from "../campaign.ts";
import type { CampaignCounts } from "../campaign-counts.ts";
import { TokenBucket } from "./token-bucket.ts";

/** How many actors may be fed, and how many bytes of them. */
export interface FeedRoom {
  readonly actors: number;
  readonly bytes: number;
}

/** How fast a campaign, or all of Ferry, is fed: by actors and by bytes per second. */
export class FeedPace {
  readonly #actors = new TokenBucket();
  readonly #bytes = new TokenBucket();
  #spentBytes: number | undefined;

  /**
   * Says what was spent so far, see `spentBytesOf`. An actor is fed by the size that it claims; when it turns out that there is nothing
   * to carry, as with one that is rejected, its bytes are given back here.
   */
  settle(spentBytes: number): void {
    this.#bytes.take(spentBytes - (this.#spentBytes ?? spentBytes));
    this.#spentBytes = spentBytes;
  }

  room(rates: Pick<CampaignSettings, "actorsPerSecond" | "bytesPerSecond">, nowMs: number): FeedRoom {
    return {
      actors: this.#actors.available(rates.actorsPerSecond, nowMs),
      bytes: this.#bytes.available(rates.bytesPerSecond, nowMs),
    };
  }

  take({ actors, bytes }: FeedRoom): void {
    this.#actors.take(actors);
    this.#bytes.take(bytes);
    this.#spentBytes = (this.#spentBytes ?? 0) + bytes;
  }
}

/** Bytes that a campaign has carried or has under way: what its byte rate is about. */
export function spentBytesOf({ done, open }: CampaignCounts): number {
  return done.migrated.bytes + open.bytes;
}
