import { expect } from "chai";
import { Pool } from "../../src/formats/pool.ts";
import { Slab } from "../../src/formats/slab.ts";

const of = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte);

describe("a slab", () => {
  it("holds copies of what is put into it, side by side", () => {
    const slab = new Slab(10);
    const source = of(1, 4);
    const [first, second] = [slab.copyOf(source), slab.copyOf(of(2, 6))];
    source.fill(9);
    expect([...first, ...second]).to.deep.equal([1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
    expect(first.buffer).to.equal(second.buffer);
  });

  it("copies what it has no room for, of a Buffer too, into other memory", () => {
    const slab = new Slab(4);
    slab.copyOf(of(1, 3));
    const source = Buffer.alloc(2_000, 7);
    const copy = slab.copyOf(source);
    source.fill(9);
    slab.clear();
    expect(copy.every((byte) => byte === 7)).to.equal(true);
  });

  it("wipes its arrays when it is cleared, and has all of its room again", () => {
    const slab = new Slab(4);
    const kept = slab.copyOf(of(1, 4));
    slab.clear();
    expect(kept.includes(1)).to.equal(false);
    expect(slab.copyOf(of(2, 4)).buffer).to.equal(kept.buffer);
  });

  it("of a pool is used again when it was given back, and wiped then", () => {
    const pool = new Pool(() => new Slab(4), 1);
    const slab = pool.take();
    const kept = slab.copyOf(of(1, 4));
    expect(pool.take()).to.not.equal(slab);
    pool.give(slab);
    expect(kept.includes(1)).to.equal(false);
    expect(pool.take()).to.equal(slab);
  });
});
