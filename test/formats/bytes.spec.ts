import { expect } from "chai";
import fc from "fast-check";
import {
  asciiBytes,
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  keyAfter,
  newBytes,
  plainBytes,
  prefixEnd,
  prefixRange,
  startsWith,
  toHex,
  trailingU32,
  trailingU64,
  u32be,
  u64be,
  viewOf,
} from "../../src/formats/bytes.ts";
import { anyBytes, asPooledBuffer, holds, prefixes } from "../support/reference-properties.ts";

describe("bytes", () => {
  it("join parts into a new array that shares nothing with them", () => {
    const part = Uint8Array.of(1, 2);
    const joined = concatBytes(part, new Uint8Array(0), asPooledBuffer(Uint8Array.of(3)));
    part[0] = 9;
    expect(joined).to.deep.equal(Uint8Array.of(1, 2, 3));
    expect(concatBytes()).to.have.lengthOf(0);
  });

  it("compare as unsigned bytes, shorter first", () => {
    expect(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80))).to.equal(-1);
    expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).to.equal(-1);
    expect(compareBytes(Uint8Array.of(2), Uint8Array.of(1, 255))).to.equal(1);
    expect(compareBytes(Uint8Array.of(2), Uint8Array.of(2))).to.equal(0);
  });

  it("are equal to the same bytes only, and undefined to undefined", () => {
    expect(equalBytes(Uint8Array.of(1, 2), asPooledBuffer(Uint8Array.of(1, 2)))).to.equal(true);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).to.equal(false);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).to.equal(false);
    expect(equalBytes(undefined, undefined)).to.equal(true);
    expect(equalBytes(undefined, new Uint8Array(0))).to.equal(false);
    expect(equalBytes(new Uint8Array(0), undefined)).to.equal(false);
  });

  it("start with a prefix or not", () => {
    expect(startsWith(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2))).to.equal(true);
    expect(startsWith(Uint8Array.of(1), Uint8Array.of(1, 2))).to.equal(false);
    expect(startsWith(Uint8Array.of(1, 3), Uint8Array.of(1, 2))).to.equal(false);
    expect(startsWith(Uint8Array.of(1), new Uint8Array(0))).to.equal(true);
  });

  it("end a prefix's range after all keys with the prefix and before all others", () => {
    expect(prefixEnd(Uint8Array.of(1, 2))).to.deep.equal(Uint8Array.of(1, 3));
    expect(prefixEnd(Uint8Array.of(1, 0xff, 0xff))).to.deep.equal(Uint8Array.of(2));
    expect(prefixEnd(Uint8Array.of(0xff, 0xff))).to.deep.equal(Uint8Array.of(0xff, 0xff));
    const key = fc.uint8Array({ maxLength: 5, max: 255 }).map((bytes) => Uint8Array.from(bytes));
    holds(
      fc.property(key, key, (prefix, other) => {
        fc.pre(prefix.some((byte) => byte !== 0xff));
        const { begin, end } = prefixRange(prefix);
        const inside = compareBytes(begin, other) <= 0 && compareBytes(other, end) < 0;
        expect(inside).to.equal(startsWith(other, prefix));
      }),
      2000,
    );
  });

  it("leave the prefix alone when it is a Buffer", () => {
    const prefix = asPooledBuffer(Uint8Array.of(1, 2));
    expect(toHex(prefixEnd(prefix))).to.equal("0103");
    expect(toHex(prefix)).to.equal("0102");
  });

  it("name the key right after a key", () => {
    expect(keyAfter(Uint8Array.of(7))).to.deep.equal(Uint8Array.of(7, 0));
  });

  it("go through hex and back", () => {
    holds(
      fc.property(anyBytes(), (bytes) => {
        expect(fromHex(toHex(bytes))).to.deep.equal(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).to.deep.equal(bytes);
      }),
    );
    expect(toHex(asPooledBuffer(Uint8Array.of(0, 255)))).to.equal("00ff");
    for (const wrong of ["0", "0g", "zz", " 00", "00 ", "0x00", "00\n0"]) {
      expect(fromHex(wrong), JSON.stringify(wrong)).to.equal(undefined);
    }
  });

  it("are viewed within their bounds", () => {
    const bytes = asPooledBuffer(Uint8Array.of(1, 2, 3));
    expect(viewOf(bytes).byteLength).to.equal(3);
    expect(viewOf(bytes).getUint8(0)).to.equal(1);
    const plain = plainBytes(bytes);
    expect(plain).to.deep.equal(Uint8Array.of(1, 2, 3));
    expect(plain.slice().buffer.byteLength).to.equal(3);
  });

  it("hold big-endian integers", () => {
    expect(toHex(u32be(0xfffefdfc))).to.equal("fffefdfc");
    expect(toHex(u64be(0xfffefdfcfbfaf9f8n))).to.equal("fffefdfcfbfaf9f8");
  });

  it("end in a big-endian integer behind a prefix, or do not", () => {
    const prefix = Uint8Array.of(7, 0);
    for (const value of [0, 1, 0x01020304, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(trailingU32(asPooledBuffer(concatBytes(prefix, u32be(value))), prefix)).to.equal(value);
    }
    for (const value of [0n, 0x0102030405060708n, 2n ** 64n - 1n]) {
      expect(trailingU64(asPooledBuffer(concatBytes(prefix, u64be(value))), prefix)).to.equal(value);
    }
    const four = concatBytes(prefix, u32be(5));
    const eight = concatBytes(prefix, u64be(5n));
    for (const cut of prefixes(eight)) {
      expect(trailingU32(cut, prefix), toHex(cut)).to.equal(cut.length === four.length ? 0 : undefined);
      expect(trailingU64(cut, prefix), toHex(cut)).to.equal(undefined);
    }
    for (const key of [eight, concatBytes(eight, Uint8Array.of(0))]) {
      expect(trailingU32(key, prefix)).to.equal(undefined);
    }
    expect(trailingU32(four, Uint8Array.of(7, 1))).to.equal(undefined);
    expect(trailingU64(eight, Uint8Array.of(6, 0))).to.equal(undefined);
  });

  it("are new ones of zeros each time, however many share memory", () => {
    holds(
      fc.property(fc.array(fc.nat(3000), { maxLength: 40 }), (lengths) => {
        const all = lengths.map((length) => newBytes(length));
        all.forEach((bytes, index) => bytes.fill(index + 1));
        all.forEach((bytes, index) => {
          expect(bytes).to.have.lengthOf(lengths[index] ?? -1);
          expect(bytes.every((byte) => byte === ((index + 1) & 0xff))).to.equal(true);
        });
        expect(newBytes(100).every((byte) => byte === 0)).to.equal(true);
      }),
    );
  });

  it("of a text are its characters'", () => {
    expect(toHex(asciiBytes("az/09"))).to.equal(toHex(new TextEncoder().encode("az/09")));
  });
});
