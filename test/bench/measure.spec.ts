import { expect } from "chai";
import { isMet } from "../../bench/figure.ts";
import { alternate, compareRounds, eachOf, spreadOf } from "../../bench/measure.ts";

describe("the statistics of the benchmarks", () => {
  it("take the middle value of an odd number of rounds, whatever their order", () => {
    expect(spreadOf([30, 2, 10])).to.deep.equal({ median: 10, min: 2, max: 30 });
  });

  it("take the mean of the two middle values of an even number", () => {
    expect(spreadOf([4, 1, 2, 100])).to.deep.equal({ median: 3, min: 1, max: 100 });
  });

  it("give a single value as its own spread", () => {
    expect(spreadOf([7])).to.deep.equal({ median: 7, min: 7, max: 7 });
  });

  it("refuse rounds without a value", () => {
    expect(() => spreadOf([])).to.throw(RangeError);
    expect(() => compareRounds([], [])).to.throw(RangeError);
    expect(() => compareRounds([1, 2], [1])).to.throw(RangeError);
  });

  it("take ratios round by round, so that a machine that slows down changes none", () => {
    const { subject, baseline, ratio } = compareRounds([50, 5, 500], [100, 10, 1000]);
    expect(ratio).to.deep.equal({ median: 0.5, min: 0.5, max: 0.5 });
    expect([subject.median, baseline.median]).to.deep.equal([50, 100]);
  });

  it("measure by turns and leave the warm-ups out", async () => {
    const calls: string[] = [];
    const side = (name: string, factor: number) => (round: number) => {
      calls.push(`${name}${round}`);
      return Promise.resolve((round === 0 ? 1_000 : round) * factor);
    };
    const { subject, baseline, ratio } = await alternate(
      { subject: side("a", 2), baseline: side("b", 1) },
      { rounds: 2, warmups: 1 },
    );
    expect(calls).to.deep.equal(["a0", "b0", "a1", "b1", "a2", "b2"]);
    expect(subject).to.deep.equal({ median: 3, min: 2, max: 4 });
    expect(baseline).to.deep.equal({ median: 1.5, min: 1, max: 2 });
    expect(ratio.median).to.equal(2);
  });

  it("judge by the median, in the direction of the goal", () => {
    const value = { median: 0.6, min: 0.1, max: 0.9 };
    expect(isMet({ value, goal: { atLeast: 0.6 } })).to.equal(true);
    expect(isMet({ value, goal: { atLeast: 0.7 } })).to.equal(false);
    expect(isMet({ value, goal: { atMost: 0.6 } })).to.equal(true);
    expect(isMet({ value, goal: { atMost: 0.5 } })).to.equal(false);
    expect(isMet({ value })).to.equal(undefined);
  });

  it("run every item once, so many at a time", async () => {
    const seen: number[] = [];
    let running = 0;
    let most = 0;
    await eachOf([1, 2, 3, 4, 5], 2, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      seen.push(item);
      running -= 1;
    });
    expect(seen.toSorted((a, b) => a - b)).to.deep.equal([1, 2, 3, 4, 5]);
    expect(most).to.equal(2);
  });
});
