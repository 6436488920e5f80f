import { expect } from "chai";
import { FormatError } from "../../../../src/formats/format-error.ts";
import { inflated } from "../../../../src/migration/pages.ts";
import { memoryRows } from "../../../../src/migration/rows.ts";
import { readStorageBlocks } from "../../../../src/migration/targets/storage/storage-reader.ts";
import { encodeReferenceLtx, logicalKey, physicalRows, u32 } from "../../../support/reference.ts";
import { bytesOf, PAGE, startsWith, syntheticImage, testActor, type Row } from "../../../support/v1-actors.ts";

const ACTOR = testActor(1);
const IMAGE = syntheticImage(200, "random");
/** Pages that nobody is to read. */
const OLD = syntheticImage(200, "text");

function u64(value: number): Uint8Array {
  return bytesOf(new Uint8Array(4), u32(value));
}

function blob(pgnos: readonly number[], txid: number, image = IMAGE): Uint8Array {
  const pages = new Map(pgnos.map((pgno) => [pgno, image.subarray((pgno - 1) * PAGE, pgno * PAGE)]));
  return encodeReferenceLtx({ commit: 200, txid: BigInt(txid), timestampMs: 1n }, pages);
}

function delta(pgnos: readonly number[], txid: number, chunkBytes = 150_000): Row[] {
  const bytes = blob(pgnos, txid);
  const rows = pgnos.flatMap((pgno) => physicalRows(logicalKey(ACTOR, "/PIDX/delta/", u32(pgno)), u64(txid)));
  for (let chunk = 0; chunk * chunkBytes < bytes.length; chunk += 1) {
    const key = logicalKey(ACTOR, "/DELTA/", u64(txid), "/", u32(chunk));
    rows.push(...physicalRows(key, bytes.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes)));
  }
  return rows;
}

function shard(number: number, pgnos: readonly number[], image = IMAGE): Row[] {
  return physicalRows(logicalKey(ACTOR, "/SHARD/", u32(number)), blob(pgnos, 1, image));
}

function pages(from: number, end: number, step = 1): number[] {
  return Array.from({ length: Math.ceil((end - from) / step) }, (_, index) => from + index * step);
}

async function read(rows: readonly Row[], pageCount = 200): Promise<Uint8Array> {
  const found: Uint8Array[] = [];
  for await (const batch of inflated(readStorageBlocks(memoryRows(rows), ACTOR.id, pageCount))) {
    expect(batch.firstPgno).to.equal(found.length + 1);
    found.push(...batch.pages);
  }
  return Buffer.concat(found);
}

async function code(rows: readonly Row[], pageCount?: number): Promise<string> {
  try {
    await read(rows, pageCount);
  } catch (error) {
    return error instanceof FormatError ? error.code : String(error);
  }
  return "read";
}

describe("the reader of v2 storage", () => {
  const shards = [
    shard(0, pages(1, 64)),
    shard(1, pages(64, 128)),
    shard(2, pages(128, 192)),
    shard(3, pages(192, 201)),
  ];

  it("takes pages from shards, from deltas, and from deltas over shards", async () => {
    const images: Row[][] = [
      shards.flat(),
      delta(pages(1, 201), 1),
      delta(pages(1, 201), 1, 9_000),
      // The engine after a migration: newer deltas over older shards, several of them, in no order of pages.
      [
        ...shard(0, pages(1, 64), OLD),
        ...shard(1, pages(64, 128), OLD),
        ...shard(2, pages(128, 192), IMAGE),
        ...delta(pages(1, 130, 2), 7),
        ...delta(pages(2, 130, 2), 9),
        ...delta(pages(190, 201), 8),
      ],
    ];
    for (const [index, rows] of images.entries()) {
      expect(Buffer.compare(await read(rows), IMAGE), String(index)).to.equal(0);
    }
  });

  it("takes as many pieces as a value says, where the engine left the rest of a longer one that it wrote over", async () => {
    const longer = (key: Uint8Array): Row[] => physicalRows(key, new Uint8Array(450_000).fill(7));
    const shardKeys = [0, 1, 2, 3].map((number) => logicalKey(ACTOR, "/SHARD/", u32(number)));
    const deltaKey = logicalKey(ACTOR, "/DELTA/", u64(1), "/", u32(0));
    for (const [keys, rows] of [
      [shardKeys, shards.flat()],
      [[deltaKey], delta(pages(1, 201), 1)],
    ] as const) {
      const own = new Set(rows.map(({ key }) => Buffer.from(key).toString("hex")));
      const left = keys.flatMap(longer).filter(({ key }) => !own.has(Buffer.from(key).toString("hex")));
      expect(left.length).to.be.greaterThan(10);
      for (const some of [left, left.filter((_, index) => index % 3 !== 0)]) {
        const sorted = [...rows, ...some].toSorted((a, b) => Buffer.compare(a.key, b.key));
        expect(Buffer.compare(await read(sorted), IMAGE)).to.equal(0);
      }
    }
  });

  it("does not look at what lies past the end, nor at other actors' rows", async () => {
    const other = delta(pages(1, 201), 1).map(({ key, value }) => ({
      key: bytesOf(key.subarray(0, 20), testActor(2).id, key.subarray(50)),
      value,
    }));
    const rows = [...shards.flat(), ...delta([199, 200], 5), ...other];
    expect(Buffer.compare(await read(rows, 100), IMAGE.subarray(0, 100 * PAGE))).to.equal(0);
    expect(await read([], 0)).to.have.lengthOf(0);
  });

  it("says that rows are not there, whichever it is", async () => {
    const whole = delta(pages(1, 201), 1);
    const images = [whole, shards.flat()];
    for (const rows of images) {
      for (let gone = 0; gone < rows.length; gone += rows.length > 50 ? 7 : 1) {
        const found = await code(rows.filter((_, index) => index !== gone));
        expect(found, String(gone)).to.be.oneOf(["page_missing", "rows_missing", "ltx_truncated"]);
      }
    }
    const noDelta = whole.filter(({ key }) => !startsWith(key.subarray(50), Buffer.from("/DELTA")));
    expect(await code(noDelta.filter(({ key }) => key[19] === 2))).to.equal("ltx_truncated");
    expect(await code([])).to.equal("page_missing");
    expect(await code(delta(pages(1, 200), 1))).to.equal("page_missing");
  });

  it("says so of a piece that is there under another number, where v2's reader does not look for it", async () => {
    for (const rows of [delta(pages(1, 201), 1), shards.flat()]) {
      const last = rows.findLastIndex(({ key }) => key[19] === 3);
      const renamed = rows.map(({ key, value }, index) =>
        index === last ? { key: bytesOf(key.subarray(0, -4), u32(99)), value } : { key, value },
      );
      expect(await code(renamed)).to.equal("rows_missing");
    }
  });

  it("does not take another page of a DELTA for one that PIDX says is in it", async () => {
    const named = physicalRows(logicalKey(ACTOR, "/PIDX/delta/", u32(6)), u64(3));
    expect(await code([...shards.flat(), ...delta([5, 7], 3)])).to.equal("read");
    expect(await code([...shards.flat(), ...delta([5, 7], 3), ...named])).to.equal("page_missing");
  });

  it("says that a chunk is not there from its number, whatever lies behind it", async () => {
    const isChunk = ({ key }: Row): boolean => Buffer.from(key).includes("/DELTA/");
    const rows = delta(pages(1, 201), 1, 9_000);
    const chunks = rows.filter(isChunk);
    expect(chunks).to.have.length.above(3);
    expect(await code(rows.filter((row) => row !== chunks[1]))).to.equal("rows_missing");
  });

  it("refuses rows that are wrong", async () => {
    const [first] = delta([1], 1);
    const cases: Row[][] = [
      // A PIDX row that names a txid in which the page is not.
      [...shards.flat(), ...delta([5], 3), ...physicalRows(logicalKey(ACTOR, "/PIDX/delta/", u32(6)), u64(3))],
      [...shards.flat(), { key: bytesOf(first?.key ?? IMAGE, 0), value: bytesOf(0, u64(1)) }],
      [...shards.flat(), { key: first?.key ?? IMAGE, value: bytesOf(0, u32(1)) }],
      [...shards.flat(), { key: first?.key ?? IMAGE, value: bytesOf(7, u64(1)) }],
    ];
    const codes = await Promise.all(cases.map((rows) => code(rows)));
    expect(codes).to.deep.equal(["page_missing", "pidx_invalid", "pidx_invalid", "split_value_invalid"]);
  });
});
