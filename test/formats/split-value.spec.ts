import { expect } from "chai";
import fc from "fast-check";
import { concatBytes, toHex } from "../../src/formats/bytes.ts";
import {
  decodeSplitHead,
  encodeSplitValue,
  joinPieces,
  physicalKey,
  PIECE_BYTES,
  piecePrefix,
} from "../../src/formats/split-value.ts";
import { asPooledBuffer, bitFlips, formatErrorCode, holds, prefixes } from "../support/reference-properties.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { LIMITS } from "../../src/store/store.ts";
import { hex, vectorRows } from "./vectors.ts";

const SUBSPACE = Uint8Array.of(0xaa, 0xbb);
const KEY = Uint8Array.of(2, 7);

function roundTrip(value: Uint8Array): Uint8Array {
  const [head, ...pieces] = encodeSplitValue(SUBSPACE, KEY, value);
  const decoded = decodeSplitHead(asPooledBuffer(head?.value ?? new Uint8Array(0)));
  return decoded.kind === "inline"
    ? decoded.value
    : joinPieces(
        decoded,
        pieces.map((row) => row.value),
      );
}

describe("a v2 value", () => {
  it("is inline below 100,000 bytes and split from there, so that no row is over FoundationDB's limit", () => {
    const random = new SeededRandom(1);
    for (const length of [
      0, 1, 73, 9_999, 10_000, 10_001, 99_998, 99_999, 100_000, 100_001, 109_999, 110_000, 265_000,
    ]) {
      const value = random.bytes(length);
      const rows = encodeSplitValue(SUBSPACE, KEY, value);
      expect(rows.length, String(length)).to.equal(length < 100_000 ? 1 : 1 + Math.ceil(length / 10_000));
      expect(rows.every((row) => row.value.length <= LIMITS.valueBytes)).to.equal(true);
      expect(Buffer.compare(roundTrip(value), value), String(length)).to.equal(0);
    }
  });

  it("is laid out as FORMATS says", () => {
    expect(
      encodeSplitValue(SUBSPACE, KEY, Uint8Array.of(9)).map(({ key, value }) => [toHex(key), toHex(value)]),
    ).to.deep.equal([["aabb0207", "0009"]]);
    const [head, first, ...rest] = encodeSplitValue(SUBSPACE, KEY, new Uint8Array(100_001).fill(5));
    expect(toHex(head?.key ?? SUBSPACE)).to.equal("aabb0207");
    expect(toHex(head?.value ?? SUBSPACE)).to.equal("01000186a10000000b");
    expect(toHex(first?.key ?? SUBSPACE)).to.equal("aabb03020700000000");
    expect(first?.value.length).to.equal(PIECE_BYTES);
    expect(toHex(rest[8]?.key ?? SUBSPACE)).to.equal("aabb03020700000009");
    expect(toHex(rest.at(-1)?.key ?? SUBSPACE)).to.equal("aabb0302070000000a");
    expect(rest.at(-1)?.value.length).to.equal(1);
    expect(toHex(physicalKey(SUBSPACE, KEY))).to.equal("aabb0207");
    expect(toHex(piecePrefix(SUBSPACE, KEY))).to.equal("aabb030207");
  });

  it("is read out of the golden rows", () => {
    const heads = [...vectorRows("v2-delta.ndjson"), ...vectorRows("v2-shards.ndjson")].filter(
      ({ key }) => key[19] === 2,
    );
    expect(heads).to.have.lengthOf(4 + 66 + 3);
    const split = heads.map(({ value }) => decodeSplitHead(value)).filter(({ kind }) => kind === "split");
    expect(split).to.deep.equal([
      { kind: "split", bytes: 120_000, pieces: 12 },
      { kind: "split", bytes: 120_000, pieces: 12 },
      { kind: "split", bytes: 260_316, pieces: 27 },
    ]);
  });

  it("round-trips any value", () => {
    holds(
      fc.property(fc.nat(250_000), fc.nat(), (length, seed) => {
        const value = new Uint8Array(length).fill(seed & 255);
        value.set(new SeededRandom(seed).bytes(Math.min(length, 100)));
        expect(Buffer.compare(roundTrip(value), value)).to.equal(0);
      }),
      50,
    );
  });

  it("is refused with an unknown mark, a cut head, or a piece count that does not fit", () => {
    const head = hex("01000186a10000000b");
    for (const prefix of prefixes(head)) {
      expect(formatErrorCode(() => decodeSplitHead(prefix))).to.equal("split_value_invalid");
    }
    expect(formatErrorCode(() => decodeSplitHead(concatBytes(head, new Uint8Array(1))))).to.equal(
      "split_value_invalid",
    );
    for (const pieces of ["0a", "0c"]) {
      expect(formatErrorCode(() => decodeSplitHead(hex(`01000186a1000000${pieces}`)))).to.equal("split_value_invalid");
    }
    for (let mark = 2; mark < 256; mark += 1) {
      expect(formatErrorCode(() => decodeSplitHead(Uint8Array.of(mark, 1, 2)))).to.equal("split_value_invalid");
    }
    for (const { flipped, bit } of bitFlips(head)) {
      if (bit === 0) {
        expect(decodeSplitHead(flipped).kind).to.equal("inline");
        continue;
      }
      let decoded: unknown;
      try {
        decoded = decodeSplitHead(flipped);
      } catch (error) {
        expect(
          formatErrorCode(() => {
            throw error;
          }),
        ).to.equal("split_value_invalid");
      }
      expect(decoded, String(bit)).not.to.deep.equal({ kind: "split", bytes: 100_001, pieces: 11 });
    }
  });

  it("is refused with a piece missing, longer or shorter, and does not care about more pieces than it has", () => {
    const head = { bytes: 25_000, pieces: 3 };
    const pieces = [new Uint8Array(10_000), new Uint8Array(10_000), new Uint8Array(5_000)];
    expect(joinPieces(head, pieces).length).to.equal(25_000);
    for (const few of [[], pieces.slice(0, 2), pieces.slice(1)]) {
      expect(formatErrorCode(() => joinPieces(head, few))).to.equal("rows_missing");
    }
    expect(joinPieces(head, [...pieces, new Uint8Array(10_000)])).to.deep.equal(joinPieces(head, pieces));
    const wrong = [
      [pieces[0], new Uint8Array(9_999), new Uint8Array(5_001)],
      [pieces[0], pieces[1], new Uint8Array(4_999)],
      [pieces[0], pieces[1], new Uint8Array(5_001)],
    ] as Uint8Array[][];
    for (const [index, set] of wrong.entries()) {
      expect(
        formatErrorCode(() => joinPieces(head, set)),
        String(index),
      ).to.equal("split_value_invalid");
    }
  });
});
