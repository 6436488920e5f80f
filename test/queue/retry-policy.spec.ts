import { expect } from "chai";

import { InvariantError, UnavailableError, UsageError } from "../../src/errors.ts";
import { isFinalError, retryDelayMs } from "../../src/queue/retry-policy.ts";
import { StoreError } from "../../src/store/errors.ts";

describe("queue/retry policy", () => {
  const policy = { attempts: 8, baseDelayMs: 1_000, maxDelayMs: 10_000 };

  it("doubles the wait up to its limit", () => {
    const longest = [1, 2, 3, 4, 5, 6, 60].map((attempt) => retryDelayMs(policy, attempt, () => 1));
    expect(longest).to.deep.equal([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
  });

  it("spreads waits over the upper half", () => {
    expect(retryDelayMs(policy, 2, () => 0)).to.equal(1_000);
    expect(retryDelayMs(policy, 2, () => 0.5)).to.equal(1_500);
  });

  it("does not try again what is sure to fail again", () => {
    expect(isFinalError(new InvariantError("bug"))).to.equal(true);
    expect(isFinalError(new UsageError("usage"))).to.equal(true);
    expect(isFinalError(new StoreError("too_large", "m"))).to.equal(true);
    expect(isFinalError(new StoreError("read_only", "m"))).to.equal(true);
  });

  it("tries everything else again", () => {
    for (const kind of ["timed_out", "unavailable", "disk_full", "conflict", "closed"] as const) {
      expect(isFinalError(new StoreError(kind, "m")), kind).to.equal(false);
    }
    expect(isFinalError(new UnavailableError("c", "m"))).to.equal(false);
    expect(isFinalError(new Error("unknown"))).to.equal(false);
  });
});
