import { expect } from "chai";
import fc from "fast-check";
import { ByteBuffer } from "../../src/formats/byte-buffer.ts";
import { toHex } from "../../src/formats/bytes.ts";
import { anyBytes, holds } from "../support/reference-properties.ts";

describe("a byte buffer", () => {
  it("gives what was appended, in parts of any size", () => {
    const step = fc.oneof(
      anyBytes(40).map((bytes) => ({ kind: "append" as const, bytes })),
      anyBytes(40).map((bytes) => ({ kind: "room" as const, bytes })),
      fc.nat(50).map((count) => ({ kind: "take" as const, count })),
      fc.nat(20).map((count) => ({ kind: "drop" as const, count })),
    );
    holds(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const buffer = new ByteBuffer(8);
        let model: number[] = [];
        for (const next of steps) {
          if (next.kind === "append") {
            buffer.append(next.bytes);
            model.push(...next.bytes);
          } else if (next.kind === "room") {
            buffer.appendRoom(next.bytes.length).set(next.bytes);
            model.push(...next.bytes);
          } else if (next.kind === "take") {
            expect([...buffer.take(next.count)]).to.deep.equal(model.slice(0, next.count));
            model = model.slice(next.count);
          } else {
            const count = Math.min(next.count, model.length);
            buffer.drop(count);
            model = model.slice(count);
          }
          expect(buffer.length).to.equal(model.length);
          expect([...buffer.peek()]).to.deep.equal(model);
        }
        expect([...buffer.take()]).to.deep.equal(model);
        expect(buffer.length).to.equal(0);
      }),
    );
  });

  it("gives copies that later appends do not touch", () => {
    const buffer = new ByteBuffer(4);
    buffer.append(Uint8Array.of(1, 2));
    const taken = buffer.take();
    buffer.append(Uint8Array.of(3, 4));
    expect(taken).to.deep.equal(Uint8Array.of(1, 2));
  });

  it("wipes views that are kept when it is cleared", () => {
    const buffer = new ByteBuffer(4);
    buffer.append(Uint8Array.of(1, 2));
    const kept = buffer.peek();
    buffer.clear();
    expect(kept).to.deep.equal(Uint8Array.of(0xdb, 0xdb));
    expect(buffer.length).to.equal(0);
  });

  it("writes uvarints of any size, least significant group first", () => {
    const cases: [number, string][] = [
      [0, "00"],
      [1, "01"],
      [127, "7f"],
      [128, "8001"],
      [300, "ac02"],
      [16_383, "ff7f"],
      [16_384, "808001"],
      [0xffffffff, "ffffffff0f"],
      [10 * 1024 ** 3, "8080808028"],
      [Number.MAX_SAFE_INTEGER, "ffffffffffffff0f"],
    ];
    for (const [value, expected] of cases) {
      const buffer = new ByteBuffer(1);
      buffer.appendUvarint(value);
      expect(toHex(buffer.take()), String(value)).to.equal(expected);
    }
  });

  it("takes integers big-endian", () => {
    const buffer = new ByteBuffer(1);
    buffer.appendU16(0x0102);
    buffer.appendU32(0xfffefdfc);
    buffer.appendU32(0x7f);
    expect(toHex(buffer.take())).to.equal("0102fffefdfc0000007f");
  });
});
