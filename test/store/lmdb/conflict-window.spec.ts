import { expect } from "chai";
import fc from "fast-check";
import { InvariantError } from "../../../src/errors.ts";
import {
  decodeCommitRecord,
  decodeVersion,
  encodeCommitRecord,
  encodeVersion,
} from "../../../src/store/lmdb/commit-log.ts";
import { commitRecord, ConflictWindow } from "../../../src/store/lmdb/conflict-window.ts";
import type { KeyStringRange } from "../../../src/store/lmdb/key-string.ts";
import { ReadSet } from "../../../src/store/lmdb/read-set.ts";

const key = fc.string({ unit: fc.constantFrom("\0", "a", "b", "\xff"), maxLength: 3 });
const range: fc.Arbitrary<KeyStringRange> = fc
  .tuple(key, key)
  .map(([one, other]) => (one < other ? { begin: one, end: other } : { begin: other, end: one }));
const writes = fc.record({ keys: fc.array(key, { maxLength: 4 }), ranges: fc.array(range, { maxLength: 3 }) });

const readSet = (keys: readonly string[], ranges: readonly KeyStringRange[] = []): ReadSet => {
  const reads = new ReadSet();
  keys.forEach((each) => {
    reads.addKey(each);
  });
  ranges.forEach((each) => {
    reads.addRange(each);
  });
  return reads;
};

describe("the window of commits", () => {
  it("finds a conflict exactly when a later commit wrote what was read", () => {
    fc.assert(
      fc.property(fc.array(writes, { maxLength: 4 }), writes, fc.nat(4), (commits, read, readVersion) => {
        const window = new ConflictWindow();
        commits.forEach((each, index) => {
          window.push(commitRecord(BigInt(index + 1), 0, each));
        });
        const asRanges = ({ keys, ranges }: typeof read): KeyStringRange[] =>
          [...ranges, ...keys.map((each) => ({ begin: each, end: each + "\0" }))].filter((r) => r.begin < r.end);
        const expected = commits
          .slice(readVersion)
          .flatMap(asRanges)
          .some((w) => asRanges(read).some((r) => w.begin < r.end && r.begin < w.end));
        expect(window.conflicts(readSet(read.keys, read.ranges), BigInt(readVersion))).to.equal(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it("forgets commits up to a version, and then cannot judge what read before it", () => {
    const window = new ConflictWindow();
    for (const [index, name] of ["first", "second", "third"].entries()) {
      window.push(commitRecord(BigInt(index + 1), 0, { keys: ["a", name], ranges: [] }));
    }
    window.forgetUpTo(2n);
    window.forgetUpTo(1n);
    expect([1n, 2n, 3n].map((version) => window.isTooOld(version))).to.deep.equal([true, false, false]);
    expect(window.conflicts(readSet(["a"]), 2n)).to.equal(true);
    const written = ["first", "second", "third"].filter((name) => window.conflicts(readSet([name]), 0n));
    expect(written, "what is kept").to.deep.equal(["third"]);
    expect(window.conflicts(readSet(["a"]), 3n)).to.equal(false);
    expect(window.version).to.equal(3n);
    window.forgetUpTo(7n);
    expect(window.version).to.equal(7n);
    expect([3n, 7n].map((version) => window.isTooOld(version))).to.deep.equal([true, false]);
    expect(window.conflicts(readSet(["a"]), 0n), "nothing of them is kept").to.equal(false);
  });

  it("counts what was read as FoundationDB counts conflict ranges: overlapping ones once", () => {
    const reads = readSet(["abc", "abc"], [{ begin: "a", end: "c" }, { begin: "b", end: "dd" }]); // prettier-ignore
    expect(reads.conflictBytes).to.equal(24 + 3 + 4 + (24 + 1 + 2));
  });
});

describe("the log of commits", () => {
  it("gives back what a commit wrote", () => {
    fc.assert(
      fc.property(writes, fc.double({ min: 0, max: 1e15, noNaN: true }), (written, timeMs) => {
        const record = commitRecord(7n, timeMs, written);
        expect(decodeCommitRecord(7n, encodeCommitRecord(record))).to.deep.equal(record);
      }),
    );
  });

  it("is not understood where it is cut", () => {
    const row = encodeCommitRecord(commitRecord(1n, 0, { keys: ["key"], ranges: [{ begin: "a", end: "b" }] }));
    expect(() => decodeCommitRecord(1n, row.subarray(0, row.length - 1))).to.throw(InvariantError);
  });

  it("names a key once that many transactions of a commit wrote", () => {
    expect(commitRecord(1n, 0, { keys: ["n", "a", "n"], ranges: [] }).keys).to.deep.equal(["a", "n"]);
  });

  it("has this form", () => {
    const record = commitRecord(1n, 1_000, { keys: ["b", "a\xff"], ranges: [{ begin: "", end: "c" }] });
    const expected = "408f400000000000" + "00000002" + "0002" + "61ff" + "0001" + "62" + "0000" + "0001" + "63";
    expect(Buffer.from(encodeCommitRecord(record)).toString("hex")).to.equal(expected);
  });

  it("sorts by version", () => {
    expect(Buffer.from(encodeVersion(258n)).toString("hex")).to.equal("0000000000000102");
    expect(decodeVersion(encodeVersion(2n ** 63n))).to.equal(2n ** 63n);
  });
});
