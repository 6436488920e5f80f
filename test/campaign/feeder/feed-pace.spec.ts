import { expect } from "chai";
import { FeedPace } from "../../../src/campaign/feeder/feed-pace.ts";

const RATES = { actorsPerSecond: 10, bytesPerSecond: 1_000 };

describe("the pace of feeding", () => {
  it("lets one second's worth through at once, and then as time goes", () => {
    const pace = new FeedPace();
    expect(pace.room(RATES, 0)).to.deep.equal({ actors: 10, bytes: 1_000 });
    pace.take({ actors: 10, bytes: 1_000 });
    expect(pace.room(RATES, 500)).to.deep.equal({ actors: 5, bytes: 500 });
    expect(pace.room(RATES, 10_000)).to.deep.equal({ actors: 10, bytes: 1_000 });
  });

  it("gives back the bytes of actors that turned out to carry none", () => {
    const pace = new FeedPace();
    pace.room(RATES, 0);
    pace.settle(0);
    pace.take({ actors: 2, bytes: 50_000 });
    expect(pace.room(RATES, 1_000).bytes).to.equal(-48_000);
    // One of 200 bytes was migrated, the other one, which claimed the rest, was rejected.
    pace.settle(200);
    expect(pace.room(RATES, 1_000).bytes).to.equal(1_000);
  });

  it("holds nothing against a feeder for what was spent before it came", () => {
    const pace = new FeedPace();
    pace.room(RATES, 0);
    pace.settle(1_000_000);
    expect(pace.room(RATES, 0).bytes).to.equal(1_000);
  });

  it("does not hold against a rate what went before there was one", () => {
    const pace = new FeedPace();
    pace.room({}, 0);
    pace.take({ actors: 100_000, bytes: 1_000_000 });
    expect(pace.room(RATES, 1_000)).to.deep.equal({ actors: 10, bytes: 1_000 });
  });

  it("takes nothing back where the clock is put back", () => {
    const pace = new FeedPace();
    pace.room(RATES, 3_600_000);
    expect(pace.room(RATES, 0)).to.deep.equal({ actors: 10, bytes: 1_000 });
  });
});
