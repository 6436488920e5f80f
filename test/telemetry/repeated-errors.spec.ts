import { expect } from "chai";
import { RepeatedErrors } from "../../src/telemetry/repeated-errors.ts";

describe("errors that come again and again", () => {
  it("are told once in ten seconds, each with how often it came, and as new ones when they were away for a minute", () => {
    let nowMs = 1_000_000;
    const errors = new RepeatedErrors(() => nowMs);
    const came = (message: string): number | undefined => errors.count(new Error(message));
    expect([came("full"), came("full"), came("full"), came("other")]).to.deep.equal([1, undefined, undefined, 1]);
    nowMs += 9_999;
    expect(came("full")).to.equal(undefined);
    nowMs += 1;
    expect([came("full"), came("full"), came("other")]).to.deep.equal([4, undefined, 1]);
    nowMs += 60_000;
    expect(came("full")).to.equal(1);
  });
});
