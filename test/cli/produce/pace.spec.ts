import { expect } from "chai";
import { Pace } from "../../../src/cli/produce/pace.ts";

describe("the pace of a run", () => {
  it("is unknown until something moves", () => {
    const { pace } = make();
    expect(pace.perSecond).to.equal(0);
    expect(pace.remainingMs(5)).to.equal(undefined);
    expect(pace.remainingMs(0)).to.equal(0);
  });

  it("tells how long the rest takes", () => {
    const { pace, at } = make();
    at(10_000, 20);
    expect(pace.perSecond).to.equal(2);
    expect(pace.remainingMs(30)).to.equal(15_000);
  });

  it("forgets what is older than a minute", () => {
    const { pace, at } = make();
    at(1_000, 1_000);
    at(200_000, 1_000);
    at(260_000, 1_060);
    expect(pace.perSecond).to.equal(1);
    at(320_000, 1_060);
    expect(pace.remainingMs(1)).to.equal(undefined);
  });

  function make(): { pace: Pace; at: (ms: number, done: number) => void } {
    let nowMs = 0;
    const pace = new Pace(() => nowMs);
    return {
      pace,
      at(ms, done) {
        nowMs = ms;
        pace.sample(done);
      },
    };
  }
});
