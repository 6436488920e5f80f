import { expect } from "chai";
import fc from "fast-check";
import { concatBytes, toHex } from "../../src/formats/bytes.ts";
import {
  JOURNAL_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
  SUPER_TRAILER_BYTES,
  decodeJournalHeader,
  decodeJournalRecord,
  decodeSuperJournalName,
  encodeJournalHeader,
  encodeJournalRecord,
  encodeSuperJournalTrailer,
  hasValidSizes,
  journalChecksum,
  lockingPage,
  type JournalHeader,
} from "../../src/formats/journal.ts";
import { bitFlips } from "../support/reference-properties.ts";
import { hex } from "./vectors.ts";

/** As SQLite 3.53.4 wrote them: a journal of `UPDATE t SET a = 'two'` on pages of 512 bytes, and the end of one of a commit over two files. */
const HEADER_HEX = "d9d505f920a163d7000000022cb89bad000000020000020000000200";
const PAGE_HEX = `0d00000001006a00006a${"00".repeat(96)}83130103862d${"7a".repeat(400)}`;
const RECORD_HEX = `00000002${PAGE_HEX}2cb89ca1`;
const SUPER_HEX = "002000012f746d702f6578702f672f612e64622d6d6a4242374238453946300000001b00000843d9d505f920a163d7";
const SUPER_NAME = "/tmp/exp/g/a.db-mjBB7B8E9F0";

const HEADER: JournalHeader = { recordCount: 2, nonce: 0x2cb8_9bad, initialPages: 2, sectorSize: 512, pageSize: 512 };

describe("formats/journal", () => {
  describe("header", () => {
    it("reads the header SQLite wrote", () => {
      expect(decodeJournalHeader(hex(HEADER_HEX))).to.deep.equal(HEADER);
    });

    it("writes the header SQLite wrote, padded to its sector", () => {
      const encoded = encodeJournalHeader(HEADER);
      expect(encoded).to.have.length(512);
      expect(toHex(encoded.subarray(0, JOURNAL_HEADER_BYTES))).to.equal(HEADER_HEX);
      expect(encoded.subarray(JOURNAL_HEADER_BYTES).every((byte) => byte === 0)).to.equal(true);
    });

    it("refuses every prefix", () => {
      for (let length = 0; length < JOURNAL_HEADER_BYTES; length += 1) {
        expect(decodeJournalHeader(hex(HEADER_HEX).subarray(0, length)), `${length} bytes`).to.equal(undefined);
      }
    });

    it("refuses every flipped bit of the magic and sees every other one", () => {
      for (const { flipped, bit } of bitFlips(hex(HEADER_HEX))) {
        const decoded = decodeJournalHeader(flipped);
        if (bit < 64) {
          expect(decoded).to.equal(undefined);
        } else {
          expect(decoded).not.to.deep.equal(HEADER);
        }
      }
    });

    it("reads back any header", () => {
      const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
      const sectorSize = fc.constantFrom(0, 32, 512, 4096, 65_536);
      fc.assert(
        fc.property(
          fc.record({ recordCount: u32, nonce: u32, initialPages: u32, sectorSize, pageSize: u32 }),
          (header) => {
            expect(decodeJournalHeader(encodeJournalHeader(header))).to.deep.equal(header);
          },
        ),
      );
    });

    it("allows the sizes that SQLite allows", () => {
      const sectors = [0, 31, 32, 33, 512, 65_536, 131_072, 0x8000_0000].filter((sectorSize) =>
        hasValidSizes({ sectorSize, pageSize: 4096 }),
      );
      const pages = [0, 1, 256, 512, 1000, 4096, 65_536, 131_072, 0x8000_0000].filter((pageSize) =>
        hasValidSizes({ sectorSize: 512, pageSize }),
      );
      expect(sectors).to.deep.equal([32, 512, 65_536]);
      expect(pages).to.deep.equal([512, 4096, 65_536]);
    });
  });

  describe("record", () => {
    it("reads the record SQLite wrote, and its checksum holds", () => {
      const record = decodeJournalRecord(hex(RECORD_HEX), 512);
      expect(record?.pageNumber).to.equal(2);
      expect(toHex(record?.page ?? new Uint8Array(0))).to.equal(PAGE_HEX);
      expect(record?.checksum).to.equal(journalChecksum(HEADER.nonce, hex(PAGE_HEX)));
    });

    it("writes the record SQLite wrote", () => {
      expect(toHex(encodeJournalRecord(2, hex(PAGE_HEX), HEADER.nonce))).to.equal(RECORD_HEX);
    });

    it("refuses any other length", () => {
      const record = hex(RECORD_HEX);
      for (let length = 0; length < record.length; length += 1) {
        expect(decodeJournalRecord(record.subarray(0, length), 512), `${length} bytes`).to.equal(undefined);
      }
      expect(decodeJournalRecord(concatBytes(record, Uint8Array.of(0)), 512)).to.equal(undefined);
    });

    it("covers with its checksum the bytes 312 and 112 of a page of 512, and no others", () => {
      const covered = new Set<number>();
      for (const { flipped, bit } of bitFlips(hex(RECORD_HEX))) {
        const record = decodeJournalRecord(flipped, 512);
        if (record !== undefined && record.checksum !== journalChecksum(HEADER.nonce, record.page)) {
          covered.add(bit >> 3);
        }
      }
      const checksumBytes = [516, 517, 518, 519];
      expect([...covered].toSorted((one, other) => one - other)).to.deep.equal([4 + 112, 4 + 312, ...checksumBytes]);
    });

    it("does not count the first byte of a page, even where 200 divides its size", () => {
      expect(
        journalChecksum(
          0,
          Uint8Array.from({ length: 400 }, () => 1),
        ),
      ).to.equal(1);
    });

    it("lets the checksum wrap around", () => {
      expect(journalChecksum(0xffff_ffff, hex(PAGE_HEX))).to.equal(0x7a * 2 - 1);
    });

    it("reads back any record", () => {
      const page = fc
        .constantFrom(512, 1024)
        .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
      const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
      fc.assert(
        fc.property(u32, page, u32, (pageNumber, content, nonce) => {
          const record = decodeJournalRecord(encodeJournalRecord(pageNumber, content, nonce), content.length);
          expect(record).to.deep.equal({ pageNumber, page: content, checksum: journalChecksum(nonce, content) });
        }),
      );
    });
  });

  describe("locking page", () => {
    it("is the one with byte 2^30", () => {
      expect([512, 4096, 65_536].map(lockingPage)).to.deep.equal([2_097_153, 262_145, 16_385]);
    });
  });

  describe("super-journal's name", () => {
    it("is read as SQLite wrote it, with anything before it", () => {
      const tail = concatBytes(hex(RECORD_HEX), hex(SUPER_HEX));
      expect(decodeSuperJournalName(tail, 512)).to.equal(SUPER_NAME);
    });

    it("is written as SQLite wrote it", () => {
      expect(toHex(encodeSuperJournalTrailer(SUPER_NAME, 512))).to.equal(SUPER_HEX);
    });

    it("is absent from every shorter tail that lacks some of it", () => {
      const tail = hex(SUPER_HEX);
      const needed = SUPER_NAME.length + SUPER_TRAILER_BYTES;
      for (let length = 0; length < needed; length += 1) {
        expect(decodeSuperJournalName(tail.subarray(tail.length - length), 512), `${length} bytes`).to.equal(undefined);
      }
      expect(decodeSuperJournalName(tail.subarray(tail.length - needed), 512)).to.equal(SUPER_NAME);
    });

    it("is absent after any flipped bit except in the page number before it", () => {
      for (const { flipped, bit } of bitFlips(hex(SUPER_HEX))) {
        expect(decodeSuperJournalName(flipped, 512), `bit ${bit}`).to.equal(bit < 32 ? SUPER_NAME : undefined);
      }
    });

    it("is absent when longer than allowed", () => {
      expect(decodeSuperJournalName(hex(SUPER_HEX), SUPER_NAME.length)).to.equal(SUPER_NAME);
      expect(decodeSuperJournalName(hex(SUPER_HEX), SUPER_NAME.length - 1)).to.equal(undefined);
    });

    it("ends at a zero byte, and is absent when it starts with one", () => {
      expect(decodeSuperJournalName(encodeSuperJournalTrailer("a\0b", 512), 512)).to.equal("a");
      expect(decodeSuperJournalName(encodeSuperJournalTrailer("\0b", 512), 512)).to.equal(undefined);
      expect(decodeSuperJournalName(encodeSuperJournalTrailer("", 512), 512)).to.equal(undefined);
    });

    it("sums bytes from 0x80 up as negative numbers", () => {
      const trailer = encodeSuperJournalTrailer("é", 512);
      const sum = new DataView(trailer.buffer).getUint32(trailer.length - 12);
      expect(sum).to.equal((0xc3 + 0xa9 - 0x200 + 2 ** 32) % 2 ** 32);
      expect(decodeSuperJournalName(trailer, 512)).to.equal("é");
    });
  });

  it("throws on no bytes whatever", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.constantFrom(512, 1024), (bytes, pageSize) => {
        decodeJournalHeader(bytes);
        decodeJournalRecord(bytes, pageSize);
        decodeJournalRecord(bytes, Math.max(0, bytes.length - RECORD_OVERHEAD_BYTES));
        decodeSuperJournalName(bytes, 512);
      }),
    );
  });
});
