import { expect } from "chai";
import { FeedPace } from "../../../src/campaign/feeder/feed-pace.ts";
import { CampaignRoom, type FleetRoom } from "../../../src/campaign/feeder/feed-room.ts";
import { campaignIn, NOW_MS } from "../../support/campaign-facts.ts";

const NONE = { actors: 0, bytes: 0 };

describe("the room of a campaign in one round of the feeder", () => {
  it("is its part of the fleet's rates, for all batches of the round together", () => {
    const fleet: FleetRoom = {
      limits: { actorsPerSecond: 20, bytesPerSecond: 1_000 },
      pace: new FeedPace(),
      open: NONE,
      slots: 100,
      sharers: 2,
    };
    const room = new CampaignRoom(campaignIn("running"), new FeedPace(), fleet, NOW_MS);
    expect(room.left(NONE, NOW_MS)).to.deep.equal({ actors: 10, bytes: 500 });
    room.take({ actors: 3, bytes: 200 });
    expect(room.left(NONE, NOW_MS)).to.deep.equal({ actors: 7, bytes: 300 });
    room.take({ actors: 1, bytes: 300 });
    expect(room.left(NONE, NOW_MS)).to.deep.equal({ actors: 6, bytes: 0 });
  });
});
