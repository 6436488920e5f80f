import { expect } from "chai";
import { decodeOutcome, encodeOutcome } from "../../src/campaign/ledger/outcome-codec.ts";
import {
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
  decodeDepotCommit,
  decodeDepotHead,
  decodeTxid,
  encodeDepotCommit,
  encodeDepotHead,
} from "../../src/formats/depot-head.ts";
import { pageKey, pagesPrefix } from "../../src/formats/depot-keys.ts";
import { trailingU32, u64be } from "../../src/formats/bytes.ts";
import { encodeDbHead, newDbHead } from "../../src/formats/db-head.ts";
import { decodeLease, encodeLease } from "../../src/migration/lease.ts";
import { decodeProgress } from "../../src/migration/stage-progress.ts";
import { decodeDepotImageRow, encodeDepotImageRow } from "../../src/migration/targets/depot/depot-image-row.ts";
import { decodeDepotStage, encodeDepotStage } from "../../src/migration/targets/depot/depot-stage.ts";
import { decodeMetaRow } from "../../src/migration/targets/storage/storage-head.ts";
import { itReadsNothingWrong, type Decoder } from "../support/decoder-fuzz.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { bytesOf, testActor } from "../support/v1-actors.ts";

/* As test/formats/damaged-bytes.spec.ts: Depot's records and keys, and the rows that Ferry keeps of its own. */

const { id } = testActor(3);
const random = new SeededRandom(0xf22);
const branch = random.bytes(16);
const bucketBranch = random.bytes(16);
const stamp = random.bytes(16);
const nowMs = 1_700_000_000_000n;
const META = encodeDbHead(newDbHead("migrating_from_v1", nowMs));
const lease = { token: random.bytes(16), image: "storage/shards/330/abcdef", head: random.bytes(73) };
const outcome = {
  actorId: id,
  state: "migrated",
  attempts: 1,
  pages: 3,
  finishedAt: "2026-01-01T00:00:00.000Z",
} as const;

describe("a damaged row", () => {
  const it = <T>(name: string, decoder: Decoder<T>): void => {
    itReadsNothingWrong("test/migration/damaged-rows.spec.ts", name, decoder);
  };

  it("Depot's pointer", {
    samples: [encodeBranchPointer({ branch, lastSwappedAtMs: nowMs })],
    decode: decodeBranchPointer,
    encode: encodeBranchPointer,
  });
  // The engine's own may be forks, which Ferry reads and never writes.
  it("Depot's database branch", {
    samples: [encodeRootDatabaseBranch({ branch, bucketBranch, rootStamp: stamp, createdAtMs: nowMs })],
    decode: decodeDatabaseBranch,
  });
  it("Depot's bucket branch", {
    samples: [encodeRootBucketBranch({ branch: bucketBranch, rootStamp: stamp, createdAtMs: nowMs })],
    decode: decodeBucketBranch,
  });
  it("Depot's head", {
    samples: [encodeDepotHead({ headTxid: 6n, pageCount: 330, branch })],
    decode: decodeDepotHead,
    check: ({ headTxid, pageCount }, bytes) => {
      expect(bytes.length).to.equal(39);
      expect([headTxid, pageCount]).to.deep.equal([
        Buffer.from(bytes).readBigUInt64LE(2),
        Buffer.from(bytes).readUInt32LE(10),
      ]);
    },
  });
  it("Depot's commit", {
    samples: [encodeDepotCommit({ wallClockMs: nowMs, stamp, pageCount: 64 })],
    decode: decodeDepotCommit,
    check: ({ pageCount }, bytes) => {
      expect([bytes.length, pageCount]).to.deep.equal([38, Buffer.from(bytes).readUInt32LE(26)]);
    },
  });
  it("Depot's catalog fact", {
    samples: [encodeCatalogFact({ branch, bucketBranch, catalogStamp: stamp })],
    decode: decodeCatalogFact,
  });
  it("Depot's txid", { samples: [u64be(7n)], decode: decodeTxid, encode: u64be });
  it("Depot's page key", {
    samples: [pageKey(branch, 77)],
    decode: (key) => trailingU32(key, pagesPrefix(branch)),
    check: (pgno, key) => {
      expect(pgno).to.equal(Buffer.from(key).readUInt32BE(key.length - 4));
    },
  });
  it("META's row", { samples: [bytesOf(0, META)], decode: decodeMetaRow });
  it("a lease", {
    samples: [encodeLease({ ...lease, sleepTs: undefined }), encodeLease({ ...lease, sleepTs: random.bytes(8) })],
    decode: decodeLease,
    encode: encodeLease,
  });
  it("a stage's progress", {
    samples: [Uint8Array.from([0x15, 65, 129, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0])],
    decode: (bytes) => decodeProgress(bytes.subarray(0, 2), bytes.subarray(2)),
    check: ({ firstPgno, endPgno, storageBytes }) => {
      expect(endPgno >= firstPgno && Number.isSafeInteger(storageBytes)).to.equal(true);
    },
  });
  it("the name of a stage on Depot", {
    samples: [encodeDepotStage({ branch, wallClockMs: nowMs })],
    decode: decodeDepotStage,
    encode: encodeDepotStage,
  });
  it("what is remembered of a Depot image", {
    samples: [encodeDepotImageRow({ branch, bucketBranch, head: random.bytes(39) })],
    decode: decodeDepotImageRow,
    encode: encodeDepotImageRow,
  });
  it("an outcome", { samples: [encodeOutcome(outcome)], decode: (bytes) => decodeOutcome(id, bytes) });
});
