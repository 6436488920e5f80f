import { expect } from "chai";
import { decodeActorId, encodeActorId, type ActorId } from "../../src/formats/actor-id.ts";
import {
  actorKvSubspace,
  chunkRowKey,
  decodeEntryMetadata,
  decodeRowKey,
  encodeEntryMetadata,
  metadataRowKey,
} from "../../src/formats/actor-kv.ts";
import { actorStateKey, decodeActorState } from "../../src/formats/actor-state.ts";
import { u32be } from "../../src/formats/bytes.ts";
import { decodeDbHead, encodeDbHead, newDbHead } from "../../src/formats/db-head.ts";
import {
  decodeJournalHeader,
  decodeJournalRecord,
  decodeSuperJournalName,
  encodeJournalHeader,
  encodeJournalRecord,
  encodeSuperJournalTrailer,
  JOURNAL_HEADER_BYTES,
} from "../../src/formats/journal.ts";
import { encodeLtx } from "../../src/formats/ltx.ts";
import { decodeNamespaceId, encodeNamespaceId } from "../../src/formats/namespace-id.ts";
import { compressPage, decompressPage } from "../../src/formats/page-codec.ts";
import { decodeSplitHead, encodeSplitValue } from "../../src/formats/split-value.ts";
import { decodeSqliteHeader } from "../../src/formats/sqlite-header.ts";
import {
  decodeFileMetadata,
  decodeV1Key,
  encodeFileMetadata,
  fileChunkKey,
  fileMetadataKey,
} from "../../src/formats/v1-file.ts";
import {
  decodeWalFrame,
  decodeWalHeader,
  encodeWalFrame,
  encodeWalHeader,
  WAL_HEADER_BYTES,
} from "../../src/formats/wal.ts";
import { itReadsNothingWrong, type Decoder } from "../support/decoder-fuzz.ts";
import { ltxPages } from "../support/ltx-pages.ts";
import { inflateBlock, referenceLtx } from "../support/reference.ts";
import { PAGE, sqliteHeader, startsWith, syntheticImage, testActor } from "../support/v1-actors.ts";

/* Every decoder of v1's and of `--target storage`'s formats on damaged copies of what it is made for. */

const { id, idBytes } = testActor(3);
const SUBSPACE = actorKvSubspace(id);
const IMAGE = syntheticImage(3, "text");
const PAGES = [1, 2, 3].map((pgno) => ({ pgno, page: IMAGE.slice((pgno - 1) * PAGE, pgno * PAGE) }));
const BLOCKS = PAGES.map(({ pgno, page }) => ({ pgno, block: compressPage(page) }));
const WAL_FACTS = { bigEndianChecksums: false, version: 3_007_000, pageSize: 512, checkpointSequence: 1 };
const WAL = encodeWalHeader({ ...WAL_FACTS, salt: [7, 9] });
const WAL_FRAME = { pageNumber: 2, commitPages: 2, page: new Uint8Array(512).fill(7) };
const JOURNAL = { recordCount: 2, nonce: 0x2cb8_9bad, initialPages: 2, sectorSize: 512, pageSize: 512 };
const SUPER_NAME = "/tmp/a.db-mj00000001";
const ENTRY = { version: new TextEncoder().encode("2.1.0"), updateTs: 1_700_000_000_000n };

describe("what is damaged", () => {
  const it = <T>(name: string, decoder: Decoder<T>): void => {
    itReadsNothingWrong("test/formats/damaged-bytes.spec.ts", name, decoder);
  };

  it("an LTX blob", {
    samples: [encodeLtx({ commitPages: 3, txid: 1n, timestampMs: 5n }, BLOCKS)],
    decode: ltxPages,
    check: ({ header, pages }, bytes) => {
      const { commit, txid, timestampMs, pages: expected } = referenceLtx(bytes);
      expect(header).to.deep.equal({ commitPages: commit, txid, timestampMs });
      expect(pages.map(({ pgno }) => pgno)).to.deep.equal([...expected.keys()]);
      pages.forEach(({ pgno, page }) => {
        expect(Buffer.compare(page, expected.get(pgno) ?? new Uint8Array(0))).to.equal(0);
      });
    },
  });
  it("a page's block", {
    samples: BLOCKS.map(({ block }) => block),
    decode: decompressPage,
    check: (page, bytes) => {
      expect(Buffer.compare(page, inflateBlock(bytes))).to.equal(0);
    },
  });
  it("META", {
    samples: [encodeDbHead({ ...newDbHead("native", 5n), headTxid: 3n, nextTxid: 4n, dbSizePages: 3 })],
    decode: (bytes) => ({ head: decodeDbHead(bytes), length: bytes.length }),
    encode: ({ head, length }) => encodeDbHead(head).subarray(0, length),
  });
  it("the head of a v2 value", {
    samples: [0, 9, 120_000].map((length) => firstRow(new Uint8Array(length))),
    decode: decodeSplitHead,
  });
  it("a journal's header", {
    samples: [encodeJournalHeader(JOURNAL).subarray(0, JOURNAL_HEADER_BYTES)],
    decode: (bytes) => (bytes.length === JOURNAL_HEADER_BYTES ? decodeJournalHeader(bytes) : undefined),
    check: (header, bytes) => {
      const fields = [8, 12, 16, 20, 24].map((at) => Buffer.from(bytes).readUInt32BE(at));
      expect(Object.values(header)).to.deep.equal(fields);
    },
  });
  it("a journal's record", {
    samples: [encodeJournalRecord(2, new Uint8Array(512).fill(3), JOURNAL.nonce)],
    decode: (bytes) => decodeJournalRecord(bytes, 512),
  });
  it("a journal's super-journal", {
    samples: [encodeSuperJournalTrailer(SUPER_NAME, 512)],
    decode: (bytes) => decodeSuperJournalName(bytes, 512),
    check: (name) => {
      expect(name).to.be.a("string");
    },
  });
  it("a log's header", {
    samples: [WAL.bytes],
    decode: (bytes) => (bytes.length === WAL_HEADER_BYTES ? decodeWalHeader(bytes) : undefined),
    encode: ({ header }) => encodeWalHeader(header).bytes,
  });
  it("a log's frame", {
    samples: [encodeWalFrame(WAL_FRAME, WAL.header, WAL.checksum).bytes],
    decode: (bytes) => decodeWalFrame(bytes, WAL.header, WAL.checksum),
    encode: (frame) => encodeWalFrame(frame, WAL.header, WAL.checksum).bytes,
  });
  it("a v1 row's key", {
    samples: [chunkRowKey(SUBSPACE, fileChunkKey(0, 7), 3), metadataRowKey(SUBSPACE, fileMetadataKey(0))],
    decode: (bytes) => (isOwn(bytes) ? decodeRowKey(SUBSPACE, bytes) : undefined),
    encode: (row) =>
      row.kind === "chunk" ? chunkRowKey(SUBSPACE, row.key, row.index) : metadataRowKey(SUBSPACE, row.key),
  });
  it("a v1 entry's metadata", {
    samples: [encodeEntryMetadata(ENTRY)],
    decode: decodeEntryMetadata,
    encode: encodeEntryMetadata,
  });
  it("a v1 file's key", {
    samples: [fileChunkKey(0, 7), fileMetadataKey(1)],
    decode: decodeV1Key,
    readsAnything: true,
    check: (read, key) => {
      if (read.kind !== "other") {
        const [tag = 0] = key.subarray(3);
        const again = read.kind === "chunk" ? [8, 1, 1, tag, ...u32be(read.index)] : [8, 1, 0, tag];
        expect([...key]).to.deep.equal(again);
      }
    },
  });
  it("a v1 file's metadata", {
    samples: [encodeFileMetadata(9n)],
    decode: decodeFileMetadata,
    encode: encodeFileMetadata,
  });
  it("a SQLite header", { samples: [sqliteHeader(3)], decode: decodeSqliteHeader });
  it("an actor's state", {
    samples: [actorStateKey(id, "RUNNER_ID"), actorStateKey(id, "SLEEP_TS")],
    decode: (key) => decodeActorState(id, [{ key, value: new Uint8Array(8) }]),
    readsAnything: true,
    check: ({ asleep }, key) => {
      const awake = (["CONNECTABLE", "RUNNER_ID", "ENVOY_KEY"] as const).map((word) => actorStateKey(id, word));
      expect(asleep).to.equal(!awake.some((awakeKey) => startsWith(key, awakeKey)));
    },
  });
  it("the version of an actor's workflow", {
    samples: [Uint8Array.of(0, 0, 0, 2)],
    decode: (value) => decodeActorState(id, [{ key: actorStateKey(id, "VERSION"), value }]),
    readsAnything: true,
    check: ({ version }, value) => {
      expect(version).to.equal(value.length === 4 ? Buffer.from(value).readUInt32BE() : Number.MAX_SAFE_INTEGER);
    },
  });
  it("an actor's id", { samples: [idBytes], decode: decodeActorId, encode: (text: ActorId) => encodeActorId(text) });
  it("a namespace's id", { samples: [idBytes], decode: decodeNamespaceId, encode: encodeNamespaceId });
});

function firstRow(value: Uint8Array): Uint8Array {
  return encodeSplitValue(new Uint8Array(0), Uint8Array.of(2), value)[0]?.value ?? new Uint8Array(0);
}

function isOwn(key: Uint8Array): boolean {
  return startsWith(key, SUBSPACE);
}
