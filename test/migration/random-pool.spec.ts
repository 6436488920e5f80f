import { expect } from "chai";
import { RandomPool } from "../../src/migration/random-pool.ts";

describe("a pool of random bytes", () => {
  it("gives other bytes each time, over many fillings, in memory of their own", () => {
    const pool = new RandomPool();
    const taken = Array.from({ length: 1_000 }, () => pool.take(17));
    const seen = taken.map((bytes) => Buffer.from(bytes).toString("hex"));
    expect(new Set(seen)).to.have.property("size", taken.length);
    expect(taken.map((bytes) => Buffer.from(bytes).toString("hex"))).to.deep.equal(seen);
    expect(taken.every((bytes) => bytes.length === 17)).to.equal(true);
  });

  it("gives as many bytes as it holds, and different ones", () => {
    const pool = new RandomPool();
    pool.take(1);
    expect(pool.take(4_096)).to.have.lengthOf(4_096).and.not.deep.equal(pool.take(4_096));
  });
});
