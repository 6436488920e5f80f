import { expect } from "chai";
import { formatDuration, parseDuration } from "../../src/config/duration.ts";

describe("durations", () => {
  for (const [text, ms] of [
    ["500ms", 500],
    ["90s", 90_000],
    ["2h", 7_200_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1_500],
    ["0s", 0],
    ["1d", 86_400_000],
  ] as const) {
    it(`reads ${text}`, () => {
      expect(parseDuration(text)).to.equal(ms);
    });
  }

  for (const text of ["", "90", "s", "1 h", "-1s", "1h x", "x1h", "1w", "1e3s", "999999999d", `${"9".repeat(20)}d`]) {
    it(`refuses "${text}"`, () => {
      expect(parseDuration(text)).to.equal(undefined);
    });
  }

  it("says durations in two units", () => {
    expect([0, 12.4, 999.6, 3_440, 42_000, 65_000, 3_600_000, 3_900_000, 90_061_000].map(formatDuration)).to.deep.equal(
      ["0s", "12ms", "1s", "3.4s", "42s", "1m 5s", "1h", "1h 5m", "1d 1h"],
    );
  });
});
