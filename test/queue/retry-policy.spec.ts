import { expect } from "chai";

import { InvariantError, UnavailableError, UsageError } from "../../src/errors.ts";
import { isFinalError, isStoreTrouble, retryDelayMs, storeDelayMs } from "../../src/queue/retry-policy.ts";
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
    for (const kind of ["too_large", "key_too_large", "value_too_large", "read_only"] as const) {
      expect(isFinalError(new StoreError(kind, "m")), kind).to.equal(true);
    }
  });

  it("takes a store that is away, full, busy or slow for the store's trouble", () => {
    for (const kind of ["throttled", "unavailable", "disk_full", "commit_unknown", "too_old", "closed"] as const) {
      expect(isStoreTrouble(new StoreError(kind, "m")), kind).to.equal(true);
    }
    expect(isStoreTrouble(new UnavailableError("store_unavailable", "m"))).to.equal(true);
    expect(isStoreTrouble(new StoreError("timed_out", "m"))).to.equal(true);
    expect(isStoreTrouble(new StoreError("timed_out", "m", { cause: new StoreError("too_old", "m") }))).to.equal(true);
  });

  it("takes for the actor's what others wrote meanwhile, limits of the store, and everything unknown", () => {
    expect(isStoreTrouble(new StoreError("timed_out", "m", { cause: new StoreError("conflict", "m") }))).to.equal(
      false,
    );
    expect(isStoreTrouble(new StoreError("too_large", "m"))).to.equal(false);
    expect(isStoreTrouble(new InvariantError("bug"))).to.equal(false);
    expect(isStoreTrouble(new Error("unknown"))).to.equal(false);
  });

  it("asks a store again within a minute, however long it was away", () => {
    const patient = { attempts: 8, baseDelayMs: 5_000, maxDelayMs: 300_000 };
    expect([1, 2, 3, 9, 10_000].map((starts) => storeDelayMs(patient, starts, () => 1))).to.deep.equal([
      5_000, 10_000, 20_000, 60_000, 60_000,
    ]);
  });

  it("tries everything else again", () => {
    for (const kind of ["timed_out", "unavailable", "disk_full", "conflict", "closed"] as const) {
      expect(isFinalError(new StoreError(kind, "m")), kind).to.equal(false);
    }
    expect(isFinalError(new UnavailableError("c", "m"))).to.equal(false);
    expect(isFinalError(new Error("unknown"))).to.equal(false);
  });
});
