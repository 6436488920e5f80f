import { expect } from "chai";
import fc from "fast-check";
import { toHex } from "../../src/formats/bytes.ts";
import {
  BUCKET_BRANCH_STAMP_OFFSET,
  CATALOG_FACT_STAMP_OFFSET,
  DATABASE_BRANCH_STAMP_OFFSET,
  decodeBranchPointer,
  decodeBucketBranch,
  decodeCatalogFact,
  decodeDatabaseBranch,
  encodeBranchPointer,
  encodeCatalogFact,
  encodeRootBucketBranch,
  encodeRootDatabaseBranch,
} from "../../src/formats/depot-branch.ts";
import {
  COMMIT_STAMP_OFFSET,
  decodeDepotCommit,
  decodeDepotHead,
  decodeTxid,
  encodeDepotCommit,
  encodeDepotHead,
  encodeI64,
} from "../../src/formats/depot-head.ts";
import { STAMP_PLACEHOLDER } from "../../src/formats/depot-record.ts";
import { asPooledBuffer, bitFlips, formatErrorCode, holds, prefixes } from "../support/reference-properties.ts";
import { hex } from "./vectors.ts";

/* The worked examples of DEPOT §2.5, which a script of its own computed from the rules. */
const BB = "11111111111141118111111111111111";
const BR = "22222222222242228222222222222222";
const NOW = "0068e5cf8b010000";
const STAMP = "00000102030405060007000000000000";
const PLACEHOLDER = "ffffffffffffffffffff000000000000";
const nowMs = 1_700_000_000_000n;
const [branch, bucketBranch, stamp] = [hex(BR), hex(BB), hex(STAMP)];

interface Example {
  readonly name: string;
  readonly hex: string;
  readonly encode: () => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly value: unknown;
}

const root = { parent: undefined, parentStamp: undefined, rootStamp: stamp, forkDepth: 0, createdAtMs: nowMs } as const;
const EXAMPLES: readonly Example[] = [
  {
    name: "DatabasePointer",
    hex: `010010${BR}${NOW}`,
    encode: () => encodeBranchPointer({ branch, lastSwappedAtMs: nowMs }),
    decode: decodeBranchPointer,
    value: { branch, lastSwappedAtMs: nowMs },
  },
  {
    name: "BucketPointer",
    hex: `010010${BB}${NOW}`,
    encode: () => encodeBranchPointer({ branch: bucketBranch, lastSwappedAtMs: nowMs }),
    decode: decodeBranchPointer,
    value: { branch: bucketBranch, lastSwappedAtMs: nowMs },
  },
  {
    name: "DatabaseBranchRecord",
    hex: `010010${BR}10${BB}0000${STAMP}00${NOW}00000000000000000000`,
    encode: () => encodeRootDatabaseBranch({ branch, bucketBranch, rootStamp: stamp, createdAtMs: nowMs }),
    decode: decodeDatabaseBranch,
    value: { branch, bucketBranch, ...root, restorePoint: undefined, state: "live", lifecycleGeneration: 0n },
  },
  {
    name: "BucketBranchRecord",
    hex: `010010${BB}0000${STAMP}00${NOW}0000`,
    encode: () => encodeRootBucketBranch({ branch: bucketBranch, rootStamp: stamp, createdAtMs: nowMs }),
    decode: decodeBucketBranch,
    value: { branch: bucketBranch, ...root, restorePoint: undefined, state: "live" },
  },
  {
    name: "DBHead",
    hex: `0100010000000000000002000000000000000000000010${BR}`,
    encode: () => encodeDepotHead({ headTxid: 1n, pageCount: 2, branch }),
    decode: decodeDepotHead,
    value: { headTxid: 1n, pageCount: 2, checksum: 0n, branch },
  },
  {
    name: "CommitRow",
    hex: `0100${NOW}${STAMP}020000000000000000000000`,
    encode: () => encodeDepotCommit({ wallClockMs: nowMs, stamp, pageCount: 2 }),
    decode: decodeDepotCommit,
    value: { wallClockMs: nowMs, stamp, pageCount: 2, checksum: 0n },
  },
  {
    name: "BucketCatalogDbFact",
    hex: `010010${BR}10${BB}${STAMP}00`,
    encode: () => encodeCatalogFact({ branch, bucketBranch, catalogStamp: stamp }),
    decode: decodeCatalogFact,
    value: { branch, bucketBranch, catalogStamp: stamp, tombstoneStamp: undefined },
  },
];
const LENGTHS: Record<string, number> = {
  DatabasePointer: 27,
  BucketPointer: 27,
  DatabaseBranchRecord: 73,
  BucketBranchRecord: 48,
  DBHead: 39,
  CommitRow: 38,
  BucketCatalogDbFact: 53,
};

describe("Depot's records", () => {
  for (const example of EXAMPLES) {
    describe(example.name, () => {
      it("writes the worked example", () => {
        expect(toHex(example.encode())).to.equal(example.hex);
        expect(example.hex.length / 2).to.equal(LENGTHS[example.name]);
      });

      it("reads the worked example", () => {
        expect(example.decode(asPooledBuffer(hex(example.hex)))).to.deep.equal(example.value);
      });

      it("refuses every prefix, bytes left over, and another version", () => {
        const bytes = hex(example.hex);
        for (const prefix of prefixes(bytes)) {
          expect(formatErrorCode(() => example.decode(prefix))).to.equal("depot_record_invalid");
        }
        expect(formatErrorCode(() => example.decode(hex(`${example.hex}00`)))).to.equal("depot_record_invalid");
        expect(formatErrorCode(() => example.decode(hex(`0200${example.hex.slice(4)}`)))).to.equal(
          "depot_record_invalid",
        );
      });

      it("reads every single-bit flip as something else, or refuses it", () => {
        for (const { flipped, bit } of bitFlips(hex(example.hex))) {
          let read: unknown;
          try {
            read = example.decode(flipped);
          } catch (error) {
            expect(error, `bit ${bit}`).to.have.property("code", "depot_record_invalid");
            continue;
          }
          expect(read, `bit ${bit}`).not.to.deep.equal(example.value);
        }
      });

      it("survives any bytes", () => {
        holds(
          fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
            try {
              example.decode(Uint8Array.from([1, 0, ...bytes]));
            } catch (error) {
              expect(error).to.have.property("code", "depot_record_invalid");
            }
          }),
        );
      });
    });
  }

  it("hold the placeholder of a versionstamp where the operation is told it is", () => {
    const at = (bytes: Uint8Array, offset: number): string => toHex(bytes.subarray(offset, offset + 16));
    const stamped: [Uint8Array, number, number][] = [
      [encodeDepotCommit({ wallClockMs: nowMs, stamp: STAMP_PLACEHOLDER, pageCount: 2 }), COMMIT_STAMP_OFFSET, 0x0a],
      [
        encodeRootDatabaseBranch({ branch, bucketBranch, rootStamp: STAMP_PLACEHOLDER, createdAtMs: nowMs }),
        DATABASE_BRANCH_STAMP_OFFSET,
        0x26,
      ],
      [
        encodeRootBucketBranch({ branch: bucketBranch, rootStamp: STAMP_PLACEHOLDER, createdAtMs: nowMs }),
        BUCKET_BRANCH_STAMP_OFFSET,
        0x15,
      ],
      [encodeCatalogFact({ branch, bucketBranch, catalogStamp: STAMP_PLACEHOLDER }), CATALOG_FACT_STAMP_OFFSET, 0x24],
    ];
    for (const [bytes, offset, documented] of stamped) {
      expect(offset).to.equal(documented);
      expect(at(bytes, offset)).to.equal(PLACEHOLDER);
    }
  });

  it("count and tell time little-endian, and name txids big-endian", () => {
    expect(toHex(encodeI64(1n))).to.equal("0100000000000000");
    expect(toHex(encodeI64(nowMs))).to.equal(NOW);
    expect(toHex(encodeI64(nowMs / 60_000n))).to.equal("1555b00100000000");
    expect(decodeTxid(hex("0000000000000001"))).to.equal(1n);
    expect(formatErrorCode(() => decodeTxid(hex("00000001")))).to.equal("depot_record_invalid");
  });

  it("read forks, with parents and restore points, though they write none", () => {
    const fork = decodeBucketBranch(hex(`010010${BR}0110${BB}01${STAMP}${STAMP}03${NOW}01036162630001`));
    const restorePoint = { id: "abc", stamp: undefined };
    expect(fork).to.deep.include({ parent: bucketBranch, parentStamp: stamp, forkDepth: 3, restorePoint });
    expect(fork.state).to.equal("frozen");
    const resolved = decodeBucketBranch(hex(`010010${BR}0000${STAMP}00${NOW}010361626301${STAMP}00`));
    expect(resolved.restorePoint).to.deep.equal({ id: "abc", stamp });
  });
});
