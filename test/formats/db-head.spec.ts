import { expect } from "chai";
import fc from "fast-check";
import { concatBytes, toHex, viewOf } from "../../src/formats/bytes.ts";
import {
  DB_HEAD_BYTES,
  decodeDbHead,
  encodeDbHead,
  isStageInProgress,
  newDbHead,
  type DbHead,
} from "../../src/formats/db-head.ts";
import { asPooledBuffer, bitFlips, formatErrorCode, holds, prefixes } from "../support/reference-properties.ts";
import { encodeReferenceHead, referenceHead } from "../support/reference.ts";
import { hex, vectorJson } from "./vectors.ts";

interface VectorHead {
  readonly head: Record<string, string>;
  readonly hex: string;
  readonly note?: string;
}
const VECTORS = vectorJson("db-heads.json") as { valid: VectorHead[]; undecodable: string[] };

const u64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 1n, 2n ** 63n, 2n ** 64n - 1n));
const i64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(-1n, 2n ** 63n - 1n));
const anyHead: fc.Arbitrary<DbHead> = fc
  .record({
    generation: u64,
    headTxid: u64,
    nextTxid: u64,
    materializedTxid: u64,
    dbSizePages: fc.integer({ min: 0, max: 0xffffffff }),
    creationTsMs: i64,
    storageUsedBytes: u64,
    maxStorageBytes: u64,
    origin: fc.constantFrom("native", "migrated_from_v1", "migrating_from_v1"),
  })
  .filter(hasSoundTxids);

function hasSoundTxids(head: Pick<DbHead, "headTxid" | "nextTxid" | "materializedTxid">): boolean {
  return head.headTxid < head.nextTxid && head.materializedTxid <= head.headTxid;
}

describe("a v2 head", () => {
  it("reads and writes the golden vectors", () => {
    expect(VECTORS.valid).to.have.lengthOf(4);
    for (const { head, hex: text, note } of VECTORS.valid) {
      const decoded = decodeDbHead(asPooledBuffer(hex(text)));
      expect(decoded).to.deep.equal({
        generation: BigInt(head["generation"] ?? ""),
        headTxid: BigInt(head["head_txid"] ?? ""),
        nextTxid: BigInt(head["next_txid"] ?? ""),
        materializedTxid: BigInt(head["materialized_txid"] ?? ""),
        dbSizePages: Number(head["db_size_pages"]),
        creationTsMs: BigInt(head["creation_ts_ms"] ?? ""),
        storageUsedBytes: BigInt(head["sqlite_storage_used"] ?? ""),
        maxStorageBytes: BigInt(head["sqlite_max_storage"] ?? ""),
        origin: head["origin"],
      });
      // The legacy form is read, and never written.
      expect(toHex(encodeDbHead(decoded))).to.equal(note === undefined ? text : `${text}00`);
    }
  });

  it("refuses the golden undecodable inputs", () => {
    expect(VECTORS.undecodable).to.have.lengthOf(5);
    for (const text of VECTORS.undecodable) {
      expect(
        formatErrorCode(() => decodeDbHead(hex(text))),
        text,
      ).to.equal("v2_meta_undecodable");
    }
  });

  it("refuses every cut but the legacy form, and every lengthening", () => {
    const bytes = hex(VECTORS.valid[1]?.hex ?? "");
    for (const prefix of prefixes(bytes)) {
      if (prefix.length === 72) {
        expect(decodeDbHead(prefix).origin).to.equal("native");
      } else {
        expect(
          formatErrorCode(() => decodeDbHead(prefix)),
          String(prefix.length),
        ).to.equal("v2_meta_undecodable");
      }
    }
    const longer = concatBytes(bytes, new Uint8Array(1));
    expect(formatErrorCode(() => decodeDbHead(longer))).to.equal("v2_meta_undecodable");
  });

  it("refuses a flipped bit of what is fixed, and reads back every other one", () => {
    const bytes = encodeDbHead(newDbHead("native", 5n));
    const fixed = (at: number): boolean => at < 4 || (at >= 40 && at < 48);
    const hasSoundTxidsIn = (head: Uint8Array): boolean => {
      const [headTxid, nextTxid, materializedTxid] = [12, 20, 28].map((at) => viewOf(head).getBigUint64(at, true));
      return hasSoundTxids({ headTxid, nextTxid, materializedTxid } as DbHead);
    };
    for (const { flipped, bit } of bitFlips(bytes)) {
      const at = bit >> 3;
      if (fixed(at) || (at === 72 && bit > 72 * 8 + 1) || !hasSoundTxidsIn(flipped)) {
        expect(
          formatErrorCode(() => decodeDbHead(flipped)),
          String(bit),
        ).to.equal("v2_meta_undecodable");
      } else {
        expect(toHex(encodeDbHead(decodeDbHead(flipped))), String(bit)).to.equal(toHex(flipped));
      }
    }
  });

  it("refuses each origin from 3 to 255", () => {
    const bytes = encodeDbHead(newDbHead("native", 0n));
    for (let origin = 3; origin < 256; origin += 1) {
      bytes[72] = origin;
      expect(formatErrorCode(() => decodeDbHead(bytes))).to.equal("v2_meta_undecodable");
    }
  });

  it("refuses txids that contradict one another, and no others", () => {
    const bytesOfTxids = (headTxid: bigint, nextTxid: bigint, materializedTxid: bigint): Uint8Array =>
      encodeDbHead({ ...newDbHead("native", 0n), headTxid, nextTxid, materializedTxid });
    expect(decodeDbHead(bytesOfTxids(4n, 5n, 4n))).to.include({ headTxid: 4n, nextTxid: 5n, materializedTxid: 4n });
    for (const bytes of [bytesOfTxids(4n, 4n, 4n), bytesOfTxids(4n, 5n, 5n)]) {
      expect(formatErrorCode(() => decodeDbHead(bytes))).to.equal("v2_meta_undecodable");
    }
  });

  it("round-trips any head", () => {
    holds(
      fc.property(anyHead, (head) => {
        const bytes = encodeDbHead(head);
        expect(bytes).to.have.lengthOf(DB_HEAD_BYTES);
        expect(decodeDbHead(bytes)).to.deep.equal(head);
      }),
      500,
    );
  });

  it("is what an independent reader and writer of heads make of it", () => {
    const head: DbHead = { ...newDbHead("migrated_from_v1", -7n), headTxid: 4n, nextTxid: 6n, dbSizePages: 9 };
    const reference = referenceHead(encodeDbHead(head));
    expect(reference.headTxid).to.equal(4n);
    expect(reference.pages).to.equal(9);
    expect(toHex(encodeReferenceHead(reference))).to.equal(toHex(encodeDbHead(head)));
  });

  it("is new with generation 1 and next txid 1", () => {
    expect(newDbHead("migrating_from_v1", 3n)).to.deep.equal({
      generation: 1n,
      headTxid: 0n,
      nextTxid: 1n,
      materializedTxid: 0n,
      dbSizePages: 0,
      creationTsMs: 3n,
      storageUsedBytes: 0n,
      maxStorageBytes: 10n * 1024n ** 3n,
      origin: "migrating_from_v1",
    });
  });

  it("has a stage in progress exactly when a txid was handed out beyond the head's", () => {
    const head = newDbHead("migrating_from_v1", 0n);
    expect(isStageInProgress(head)).to.equal(false);
    expect(isStageInProgress({ ...head, nextTxid: 2n })).to.equal(true);
    expect(isStageInProgress({ ...head, headTxid: 1n, nextTxid: 2n })).to.equal(false);
    expect(isStageInProgress({ ...head, headTxid: 2n ** 64n - 2n, nextTxid: 2n ** 64n - 1n })).to.equal(false);
  });
});
