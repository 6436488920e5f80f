import { expect } from "chai";
import { FormatError } from "../../src/formats/format-error.ts";
import { assertSqliteImage, decodeSqliteHeader } from "../../src/formats/sqlite-header.ts";
import { asPooledBuffer, bitFlips, formatErrorCode, prefixes } from "../support/reference-properties.ts";
import { sqliteHeader } from "../support/v1-actors.ts";
import { vectorBytes } from "./vectors.ts";

const IMAGE = vectorBytes("v1-actor.sqlite");
const HEADER = sqliteHeader(66);

function withPageSize(stored: number): Uint8Array {
  const header = Buffer.from(HEADER);
  header.writeUInt16BE(stored, 16);
  return header;
}

function imageCode(start: Uint8Array, imageBytes: number): string {
  return formatErrorCode(() => {
    assertSqliteImage(start, imageBytes);
  });
}

describe("a SQLite header", () => {
  it("of a real file is right", () => {
    expect(decodeSqliteHeader(IMAGE)).to.deep.equal({ pageBytes: 4096 });
    assertSqliteImage(IMAGE, IMAGE.length);
    assertSqliteImage(asPooledBuffer(IMAGE), IMAGE.length);
  });

  it("is not needed by a file of size 0", () => {
    assertSqliteImage(new Uint8Array(0), 0);
    assertSqliteImage(IMAGE, 0);
  });

  it("needs 18 bytes, and no more", () => {
    for (const prefix of prefixes(HEADER)) {
      if (prefix.length < 18) {
        expect(formatErrorCode(() => decodeSqliteHeader(prefix))).to.equal("header_too_small");
      } else {
        expect(decodeSqliteHeader(prefix).pageBytes).to.equal(4096);
      }
    }
  });

  it("is told too small before its magic is looked at, and magic before page size", () => {
    expect(imageCode(new Uint8Array(17), 17)).to.equal("header_too_small");
    expect(imageCode(new Uint8Array(18), 18)).to.equal("magic_mismatch");
    expect(imageCode(withPageSize(0).subarray(0, 18), 18)).to.equal("page_size_invalid");
    expect(imageCode(withPageSize(512).subarray(0, 18), 18)).to.equal("page_size_unsupported");
    expect(imageCode(HEADER.subarray(0, 18), 18)).to.equal("size_not_page_aligned");
  });

  it("is refused with any bit of the magic flipped, and with any of the page size", () => {
    for (const { flipped, bit } of bitFlips(HEADER.slice(0, 18))) {
      const code = imageCode(flipped, 66 * 4096);
      expect(code, String(bit)).to.be.oneOf(
        bit < 128 ? ["magic_mismatch"] : ["page_size_invalid", "page_size_unsupported"],
      );
    }
  });

  it("may have each page size that SQLite has, and no other of all 65,536", () => {
    const sizes = new Map<number, number>();
    const codes = new Set<unknown>();
    for (let stored = 0; stored < 65_536; stored += 1) {
      try {
        sizes.set(stored, decodeSqliteHeader(withPageSize(stored)).pageBytes);
      } catch (error) {
        codes.add(error instanceof FormatError ? error.code : error);
      }
    }
    expect([...codes]).to.deep.equal(["page_size_invalid"]);
    expect([...sizes]).to.deep.equal([
      [1, 65_536],
      [512, 512],
      [1024, 1024],
      [2048, 2048],
      [4096, 4096],
      [8192, 8192],
      [16_384, 16_384],
      [32_768, 32_768],
    ]);
  });

  it("wants whole pages of exactly 4,096 bytes", () => {
    for (const stored of [1, 512, 1024, 2048, 8192, 16_384, 32_768]) {
      expect(imageCode(withPageSize(stored), 65_536), String(stored)).to.equal("page_size_unsupported");
    }
    for (const bytes of [18, 4095, 4097, 65_535, 10 * 1024 ** 3 + 1]) {
      expect(imageCode(HEADER, bytes), String(bytes)).to.equal("size_not_page_aligned");
    }
    for (const bytes of [4096, 65_536, 10 * 1024 ** 3]) {
      assertSqliteImage(HEADER, bytes);
    }
  });
});
