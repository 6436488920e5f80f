import { expect } from "chai";
import fc from "fast-check";
import { concatBytes, toHex } from "../../src/formats/bytes.ts";
import {
  decodeFileMetadata,
  decodeV1Key,
  encodeFileMetadata,
  FILE_TAG,
  fileChunkKey,
  fileChunkPrefix,
  fileMetadataKey,
} from "../../src/formats/v1-file.ts";
import { asPooledBuffer, bitFlips, formatErrorCode, holds, prefixes } from "../support/reference-properties.ts";
import { fileChunkK, fileMetadataK, TAG } from "../support/v1-actors.ts";
import { hex } from "./vectors.ts";

/** The file metadata of the golden actor: 66 pages. */
const GOLDEN = hex("01000020040000000000");

describe("a v1 file", () => {
  it("has the golden metadata", () => {
    expect(decodeFileMetadata(GOLDEN)).to.equal(66n * 4096n);
    expect(decodeFileMetadata(asPooledBuffer(GOLDEN))).to.equal(66n * 4096n);
    expect(toHex(encodeFileMetadata(66n * 4096n))).to.equal(toHex(GOLDEN));
  });

  it("round-trips sizes from 0 to 2^64 - 1", () => {
    const size = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 1n, 2n ** 64n - 1n));
    holds(
      fc.property(size, (bytes) => {
        expect(decodeFileMetadata(encodeFileMetadata(bytes))).to.equal(bytes);
      }),
    );
  });

  it("refuses metadata of every other length", () => {
    for (const prefix of prefixes(GOLDEN)) {
      expect(formatErrorCode(() => decodeFileMetadata(prefix))).to.equal("meta_invalid");
    }
    expect(formatErrorCode(() => decodeFileMetadata(concatBytes(GOLDEN, new Uint8Array(1))))).to.equal("meta_invalid");
  });

  it("refuses every version but 1, and reads every other flipped bit as another size", () => {
    for (const { flipped, bit } of bitFlips(GOLDEN)) {
      if (bit < 16) {
        expect(formatErrorCode(() => decodeFileMetadata(flipped))).to.equal("meta_version_unsupported");
      } else {
        expect(decodeFileMetadata(flipped)).to.equal((66n * 4096n) ^ (1n << BigInt(bit - 16)));
      }
    }
  });

  it("has the keys of the VFS", () => {
    expect(FILE_TAG).to.deep.equal(TAG);
    for (const tag of [0, 1, 2, 3] as const) {
      expect(toHex(fileMetadataKey(tag))).to.equal(toHex(fileMetadataK(tag)));
      for (const index of [0, 1, 255, 256, 0x01020304, 0xffffffff]) {
        expect(toHex(fileChunkKey(tag, index))).to.equal(toHex(fileChunkK(tag, index)));
        expect(decodeV1Key(asPooledBuffer(fileChunkKey(tag, index)))).to.deep.equal({ kind: "chunk", tag, index });
      }
      expect(toHex(fileChunkPrefix(tag))).to.equal(`0801010${tag}`);
      expect(decodeV1Key(fileMetadataKey(tag))).to.deep.equal({ kind: "metadata", tag });
    }
  });

  it("takes keys of no other length or scheme for its own", () => {
    const chunk = fileChunkKey(0, 5);
    const others = [...prefixes(chunk), concatBytes(chunk, new Uint8Array(1)), ...prefixes(fileMetadataKey(0))];
    for (const key of others) {
      expect(decodeV1Key(key), toHex(key)).to.deep.equal({ kind: "other" });
    }
    expect(decodeV1Key(concatBytes(fileMetadataKey(0), new Uint8Array(4)))).to.deep.equal({ kind: "other" });
    for (const text of ["0801020000000005", "0802010000000005", "0701010000000005", "08020000", "09010000"]) {
      expect(decodeV1Key(hex(text)), text).to.deep.equal({ kind: "other" });
    }
  });
});
