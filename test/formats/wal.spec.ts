import { expect } from "chai";
import fc from "fast-check";
import { concatBytes, toHex } from "../../src/formats/bytes.ts";
import {
  WAL_FRAME_HEADER_BYTES,
  WAL_HEADER_BYTES,
  decodeWalFrame,
  decodeWalHeader,
  encodeWalFrame,
  encodeWalHeader,
  type WalHeader,
} from "../../src/formats/wal.ts";
import { bitFlips } from "../support/reference-properties.ts";
import { hex } from "./vectors.ts";

/** As SQLite 3.53.4 wrote them, pages of 512 bytes: a log's header and the first and third of its frames, each a commit. */
const HEADER_HEX = "377f0682002de21800000200000000018eedbdf043b24c03c688f0a182af7a89";
const PAGE_HEX = `0d00000001006a00006a${"00".repeat(96)}83130103862d${"7a".repeat(400)}`;
const FRAMES_HEX = [
  `00000002000000028eedbdf043b24c03c4b520cd84010b91${PAGE_HEX}`,
  `00000002000000028eedbdf043b24c03cd70a3ddf9c3318d${PAGE_HEX}`,
] as const;

const HEADER: WalHeader = {
  bigEndianChecksums: false,
  version: 3_007_000,
  pageSize: 512,
  checkpointSequence: 1,
  salt: [0x8eed_bdf0, 0x43b2_4c03],
};

describe("formats/wal", () => {
  describe("header", () => {
    it("reads the header SQLite wrote", () => {
      expect(decodeWalHeader(hex(HEADER_HEX))).to.deep.equal({
        header: HEADER,
        checksum: [0xc688_f0a1, 0x82af_7a89],
      });
    });

    it("writes the header SQLite wrote", () => {
      expect(toHex(encodeWalHeader(HEADER).bytes)).to.equal(HEADER_HEX);
    });

    it("refuses every prefix and every flipped bit", () => {
      const bytes = hex(HEADER_HEX);
      for (let length = 0; length < WAL_HEADER_BYTES; length += 1) {
        expect(decodeWalHeader(bytes.subarray(0, length)), `${length} bytes`).to.equal(undefined);
      }
      for (const { flipped, bit } of bitFlips(bytes)) {
        expect(decodeWalHeader(flipped), `bit ${bit}`).to.equal(undefined);
      }
    });

    it("reads back any header with a page size that SQLite allows, and refuses the others", () => {
      const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
      const header = fc.record({
        bigEndianChecksums: fc.boolean(),
        version: u32,
        pageSize: fc.constantFrom(0, 256, 512, 4096, 65_536, 131_072, 1000),
        checkpointSequence: u32,
        salt: fc.tuple(u32, u32),
      });
      fc.assert(
        fc.property(header, (given) => {
          const decoded = decodeWalHeader(encodeWalHeader(given).bytes);
          expect(decoded?.header).to.deep.equal([512, 4096, 65_536].includes(given.pageSize) ? given : undefined);
        }),
      );
    });
  });

  describe("frame", () => {
    it("reads the frames SQLite wrote, each on top of the one before", () => {
      let checksum = headerChecksum();
      for (const frameHex of FRAMES_HEX) {
        const frame = decodeWalFrame(hex(frameHex), HEADER, checksum);
        expect(frame?.pageNumber).to.equal(2);
        expect(frame?.commitPages).to.equal(2);
        expect(toHex(frame?.page ?? new Uint8Array(0))).to.equal(PAGE_HEX);
        checksum = frame?.checksum ?? checksum;
      }
    });

    it("writes the frames SQLite wrote", () => {
      let checksum = headerChecksum();
      for (const frameHex of FRAMES_HEX) {
        const encoded = encodeWalFrame({ pageNumber: 2, commitPages: 2, page: hex(PAGE_HEX) }, HEADER, checksum);
        expect(toHex(encoded.bytes)).to.equal(frameHex);
        checksum = encoded.checksum;
      }
    });

    it("refuses a frame out of its place", () => {
      expect(decodeWalFrame(hex(FRAMES_HEX[1]), HEADER, headerChecksum())).to.equal(undefined);
    });

    it("refuses any other length and every flipped bit", () => {
      const bytes = hex(FRAMES_HEX[0]);
      for (let length = 0; length < bytes.length; length += 1) {
        expect(decodeWalFrame(bytes.subarray(0, length), HEADER, headerChecksum())).to.equal(undefined);
      }
      expect(decodeWalFrame(concatBytes(bytes, Uint8Array.of(0)), HEADER, headerChecksum())).to.equal(undefined);
      for (const { flipped, bit } of bitFlips(bytes)) {
        expect(decodeWalFrame(flipped, HEADER, headerChecksum()), `bit ${bit}`).to.equal(undefined);
      }
    });

    it("refuses page 0 even with a right checksum", () => {
      const encoded = encodeWalFrame({ pageNumber: 0, commitPages: 1, page: hex(PAGE_HEX) }, HEADER, headerChecksum());
      expect(decodeWalFrame(encoded.bytes, HEADER, headerChecksum())).to.equal(undefined);
    });

    it("reads back any frame in either byte order", () => {
      const page = fc.uint8Array({ minLength: 512, maxLength: 512 });
      const pageNumber = fc.integer({ min: 1, max: 0xffff_ffff });
      fc.assert(
        fc.property(page, pageNumber, fc.boolean(), (content, number, bigEndianChecksums) => {
          const { header, checksum } = encodeWalHeader({ ...HEADER, bigEndianChecksums });
          const encoded = encodeWalFrame({ pageNumber: number, commitPages: 0, page: content }, header, checksum);
          expect(decodeWalFrame(encoded.bytes, header, checksum)).to.deep.equal({
            pageNumber: number,
            commitPages: 0,
            page: content,
            checksum: encoded.checksum,
          });
        }),
      );
    });
  });

  it("throws on no bytes whatever", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        decodeWalHeader(bytes);
        decodeWalFrame(bytes, HEADER, [0, 0]);
        decodeWalFrame(bytes, { ...HEADER, pageSize: Math.max(0, bytes.length - WAL_FRAME_HEADER_BYTES) }, [0, 0]);
      }),
    );
  });
});

function headerChecksum(): readonly [number, number] {
  return decodeWalHeader(hex(HEADER_HEX))?.checksum ?? [0, 0];
}
