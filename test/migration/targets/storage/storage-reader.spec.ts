import { expect } from "chai";
import { FormatError } from "../../../../src/formats/format-error.ts";
import { inflated } from "../../../../src/migration/pages.ts";
import { memoryRows, type ImageRows } from "../../../../src/migration/rows.ts";
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

/** Rows that note what is asked of them. */
function noted(rows: readonly Row[]): {
  rows: ImageRows;
  ranges: string[];
  shards: string[];
  open: () => number;
  together: () => number;
} {
  const inner = memoryRows(rows);
  const [ranges, shards]: [string[], string[]] = [[], []];
  let [open, together] = [0, 0];
  const all: ImageRows = {
    get: (key) => {
      shards.push(Buffer.from(key).toString("hex"));
      return inner.get(key);
    },
    async *getRange(range, options) {
      ranges.push(Buffer.from(range.begin).toString("hex"));
      open += 1;
      try {
        for await (const batch of inner.getRange(range, options)) {
          for (const row of batch) {
            yield [row];
          }
        }
      } finally {
        open -= 1;
      }
    },
    together: async (read) => {
      together += 1;
      return read(all);
    },
  };
  return { rows: all, ranges, shards, open: () => open, together: () => together };
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
    // PIDX itself is read no further than the first row past the end.
    const [last] = delta([200], 5);
    const wrong = [...shards.flat(), ...delta([199], 5), { key: last?.key ?? IMAGE, value: u32(1) }];
    for await (const { firstPgno } of readStorageBlocks(noted(wrong).rows, ACTOR.id, 100)) {
      expect(firstPgno).to.equal(1);
    }
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

  it("reads a DELTA once, however many pages PIDX names in it, and to its end, whatever of it is wanted", async () => {
    const rows = [...shards.flat(), ...delta(pages(2, 201, 2), 7), ...delta([1, 3, 199], 9)];
    const { rows: counted, ranges } = noted(rows);
    const found: Uint8Array[] = [];
    for await (const batch of inflated(readStorageBlocks(counted, ACTOR.id, 200))) {
      found.push(...batch.pages);
    }
    expect(Buffer.compare(Buffer.concat(found), IMAGE)).to.equal(0);
    expect(ranges).to.have.lengthOf(new Set(ranges).size);
    const last = rows.findLastIndex(({ key }) => Buffer.from(key).includes("/DELTA/"));
    const spoiled = rows.map((row, index) =>
      index === last ? { key: row.key, value: bytesOf(row.value.subarray(0, -1), 1) } : row,
    );
    expect(await code(spoiled)).to.equal("ltx_invalid");
  });

  it("asks for no SHARD of which PIDX names every page", async () => {
    const covered = noted(delta(pages(1, 201), 1));
    const mixed = noted([...delta(pages(64, 128), 1), ...shards.flat()]);
    const butOne = noted([...delta(pages(64, 127), 1), ...shards.flat()]);
    for (const [{ rows, shards: asked }, wanted] of [
      [covered, 0],
      [mixed, 3],
      [butOne, 4],
    ] as const) {
      for await (const _ of readStorageBlocks(rows, ACTOR.id, 200)) {
        // All of it.
      }
      expect(asked).to.have.lengthOf(wanted);
    }
    expect([covered.together(), mixed.together()], "transactions").to.deep.equal([0, 1]);
  });

  it("ends what it reads of DELTAs and PIDX when it is ended itself", async () => {
    const { rows, open } = noted([...delta(pages(1, 1501), 1, 9_000)]);
    const blocks = readStorageBlocks(rows, ACTOR.id, 1500);
    expect((await blocks.next()).done).to.equal(false);
    expect(open()).to.be.at.least(1);
    await blocks.return();
    expect(open()).to.equal(0);
  });

  it("begins with the shard of a page, and does not look at what lies before it", async () => {
    const before = [...delta(pages(1, 64), 5), ...delta([64], 6)];
    const rows = [...shards.slice(1).flat(), ...before.filter(({ key }) => !Buffer.from(key).includes("/DELTA/"))];
    const own = delta([64], 6).filter(({ key }) => Buffer.from(key).includes("/DELTA/"));
    const found: Uint8Array[] = [];
    for await (const batch of inflated(
      readStorageBlocks(memoryRows([...rows, ...own]), ACTOR.id, 200, { firstPgno: 100 }),
    )) {
      expect(batch.firstPgno).to.equal(64 + found.length);
      found.push(...batch.pages);
    }
    expect(Buffer.compare(Buffer.concat(found), IMAGE.subarray(63 * PAGE))).to.equal(0);
  });

  it("asks for what is in no row, and for nothing else", async () => {
    const asked: number[] = [];
    const missing = (pgno: number): Promise<Uint8Array> => {
      asked.push(pgno);
      return Promise.resolve(Uint8Array.of(9));
    };
    const rows = [...shard(0, pages(2, 64, 2)), ...shards.slice(1).flat(), ...delta(pages(3, 64, 2), 7)];
    const blocks: Uint8Array[] = [];
    for await (const batch of readStorageBlocks(memoryRows(rows), ACTOR.id, 200, { missing })) {
      blocks.push(...batch.blocks);
    }
    expect(asked).to.deep.equal([1]);
    expect(blocks[0]).to.deep.equal(Uint8Array.of(9));
    expect(await code(rows)).to.equal("page_missing");
  });

  it("takes of a SHARD the pages by their numbers, and none that belong into another", async () => {
    const [half, rest] = [pages(1, 64, 2), pages(2, 64, 2)];
    const others = shards.slice(1).flat();
    expect(Buffer.compare(await read([...shard(0, half), ...delta(rest, 7), ...others]), IMAGE)).to.equal(0);
    expect(await code([...shard(0, pages(64, 127)), ...others])).to.equal("page_missing");
  });

  it("refuses a chunk whose pieces do not add up to the length that it says, also where the blob would be whole", async () => {
    const rows = delta(pages(1, 201), 1);
    const isHead = ({ key, value }: Row): boolean => Buffer.from(key).includes("/DELTA/") && value[0] === 1;
    const head = rows.findIndex((row) => isHead(row) && row.value.length === 9);
    const said = rows.map((row, index) =>
      index === head ? { key: row.key, value: bytesOf(1, u32(149_999), u32(15)) } : row,
    );
    expect(rows[head]?.value).to.deep.equal(bytesOf(1, u32(150_000), u32(15)));
    expect(await code(said)).to.equal("split_value_invalid");
  });

  it("refuses rows that are wrong", async () => {
    const [first] = delta([1], 1);
    const cases: Row[][] = [
      // A PIDX row that names a txid in which the page is not.
      [...shards.flat(), ...delta([5], 3), ...physicalRows(logicalKey(ACTOR, "/PIDX/delta/", u32(6)), u64(3))],
      [...shards.flat(), { key: bytesOf(first?.key ?? IMAGE, 0), value: bytesOf(0, u64(1)) }],
      [...shards.flat(), { key: first?.key ?? IMAGE, value: bytesOf(0, u32(1)) }],
      [...shards.flat(), { key: first?.key ?? IMAGE, value: bytesOf(7, u64(1)) }],
      [...shards.flat(), { key: first?.key ?? IMAGE, value: bytesOf(1, u32(150_000), u32(15)) }],
    ];
    const codes = await Promise.all(cases.map((rows) => code(rows)));
    expect(codes).to.deep.equal([
      "page_missing",
      "pidx_invalid",
      "pidx_invalid",
      "split_value_invalid",
      "pidx_invalid",
    ]);
  });
});
