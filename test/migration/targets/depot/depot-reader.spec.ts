import { setImmediate } from "node:timers/promises";
import { expect } from "chai";
import { deltaChunkKey, pageKey, shardPrefix } from "../../../../src/formats/depot-keys.ts";
import { FormatError } from "../../../../src/formats/format-error.ts";
import { compressPage } from "../../../../src/formats/page-codec.ts";
import { inflated } from "../../../../src/migration/pages.ts";
import { memoryRows, type ImageRows } from "../../../../src/migration/rows.ts";
import { readBranchBlocks } from "../../../../src/migration/targets/depot/depot-reader.ts";
import type { MissingBlock } from "../../../../src/migration/targets/target.ts";
import { StoreError } from "../../../../src/store/errors.ts";
import { encodeReferenceLtx, u32 } from "../../../support/reference.ts";
import { bytesOf, PAGE, syntheticImage, type Row } from "../../../support/v1-actors.ts";

const BRANCH = new Uint8Array(16).fill(7);
const PAGES = 400;
const IMAGE = syntheticImage(PAGES, "random");
/** Pages that nobody is to read. */
const OLD = syntheticImage(PAGES, "text");
const HEAD_TXID = 20n;

function u64(value: number): Uint8Array {
  return bytesOf(new Uint8Array(4), u32(value));
}

function blob(pgnos: readonly number[], txid: number, image: Uint8Array): Uint8Array {
  const pages = new Map(pgnos.map((pgno) => [pgno, image.subarray((pgno - 1) * PAGE, pgno * PAGE)]));
  return encodeReferenceLtx({ commit: PAGES, txid: BigInt(txid), timestampMs: 1n }, pages);
}

/** A DELTA; PIDX names it for these pages of it, by default for all. */
function delta(
  txid: number,
  pgnos: readonly number[],
  { named = pgnos, image = IMAGE }: { named?: readonly number[]; image?: Uint8Array } = {},
): Row[] {
  const bytes = blob(pgnos, txid, image);
  const rows = named.map((pgno) => ({ key: pageKey(BRANCH, pgno), value: u64(txid) }));
  for (let chunk = 0; chunk * 10_000 < bytes.length; chunk += 1) {
    const value = bytes.subarray(chunk * 10_000, (chunk + 1) * 10_000);
    rows.push({ key: deltaChunkKey(BRANCH, BigInt(txid), chunk), value });
  }
  return rows;
}

function shard(number: number, pgnos: readonly number[], { txid = 1, image = IMAGE } = {}): Row {
  return { key: bytesOf(shardPrefix(BRANCH, number), u64(txid)), value: blob(pgnos, txid, image) };
}

function pages(from: number, end: number, step = 1): number[] {
  return Array.from({ length: Math.ceil((end - from) / step) }, (_, index) => from + index * step);
}

/** As Ferry writes it: a txid for each shard. */
const FERRYS = pages(0, 7).flatMap((index) =>
  delta(index + 1, pages(Math.max(1, index * 64), Math.min(401, index * 64 + 64))),
);

async function read(rows: ImageRows, missing?: MissingBlock): Promise<Uint8Array> {
  const found: Uint8Array[] = [];
  const view = { branch: BRANCH, pageCount: PAGES, headTxid: HEAD_TXID };
  for await (const batch of inflated(readBranchBlocks(rows, view, missing === undefined ? {} : { missing }))) {
    expect(batch.firstPgno).to.equal(found.length + 1);
    found.push(...batch.pages);
  }
  return Buffer.concat(found);
}

async function codeOf(rows: readonly Row[], missing?: MissingBlock): Promise<string> {
  try {
    await read(memoryRows(rows), missing);
  } catch (error) {
    return error instanceof FormatError ? error.code : String(error);
  }
  return "read";
}

describe("the reader of Depot's images", () => {
  it("takes pages from the DELTA that is named, and else from the newest SHARD up to the head", async () => {
    const images: Row[][] = [
      FERRYS,
      // One blob over all shards, and one whose other pages nobody names any more.
      delta(3, pages(1, 401)),
      [...delta(3, pages(1, 401), { named: pages(1, 401, 2) }), ...delta(4, pages(2, 401, 2))],
      // More blobs in a shard than are kept at once, each of which has pages of every shard.
      pages(0, 11).flatMap((index) => delta(index + 1, pages(index + 1, 401, 11))),
      [
        shard(0, pages(1, 64), { image: OLD }),
        shard(0, pages(1, 64), { txid: 5 }),
        shard(0, pages(1, 64), { txid: 21, image: OLD }),
        ...pages(1, 7).map((index) => shard(index, pages(index * 64, Math.min(401, index * 64 + 64)))),
        ...delta(8, pages(60, 70)),
        // Later than the head.
        ...delta(21, [399], { image: OLD }),
      ],
    ];
    for (const [index, rows] of images.entries()) {
      expect(Buffer.compare(await read(memoryRows(rows)), IMAGE), String(index)).to.equal(0);
    }
  });

  it("reads again what a transaction read that is tried again", async () => {
    const rows = memoryRows(FERRYS);
    let tries = 0;
    const troubled: ImageRows = {
      ...rows,
      together: async (body) => {
        const conflict = new StoreError("conflict", "tried again");
        let reads = 0;
        const failing = {
          ...rows,
          getRange: (...[range, options]: Parameters<ImageRows["getRange"]>) => {
            reads += 1;
            if (reads === 3) {
              throw conflict;
            }
            return rows.getRange(range, options);
          },
        };
        tries += 1;
        await body(failing).then(
          () => undefined,
          (error: unknown) => {
            expect(error).to.equal(conflict);
          },
        );
        // Once read to its end, and yet to be read again.
        await body(rows);
        return body(rows);
      },
    };
    expect(Buffer.compare(await read(troubled), IMAGE)).to.equal(0);
    expect(tries).to.equal(2);
  });

  it("leaves no read to a transaction that is tried again", async () => {
    const rows = memoryRows(FERRYS);
    const conflict = new StoreError("conflict", "tried again");
    let ended = 0;
    const troubled: ImageRows = {
      ...rows,
      together: async (body) => {
        let hasEnded = false;
        let reads = 0;
        const failing: ImageRows = {
          ...rows,
          async *getRange(range, options) {
            reads += 1;
            if (reads === 1) {
              throw conflict;
            }
            await setImmediate();
            ended += hasEnded ? 1 : 0;
            if (hasEnded) {
              throw new Error("a transaction was used after its end");
            }
            yield* rows.getRange(range, options);
          },
        };
        await body(failing).catch(() => undefined);
        hasEnded = true;
        return body(rows);
      },
    };
    expect(Buffer.compare(await read(troubled), IMAGE)).to.equal(0);
    expect(ended).to.equal(0);
  });

  it("says that rows are not there, whichever it is", async () => {
    for (let gone = 0; gone < FERRYS.length; gone += 5) {
      const found = await codeOf(FERRYS.filter((_, index) => index !== gone));
      expect(found, String(gone)).to.be.oneOf(["page_missing", "delta_invalid", "ltx_truncated"]);
    }
  });

  it("asks whether SQLite ever wrote a page only where PIDX does not name it", async () => {
    const zeros = compressPage(new Uint8Array(PAGE));
    const asked: number[] = [];
    const missing = (pgno: number): Promise<Uint8Array> => {
      asked.push(pgno);
      return Promise.resolve(zeros);
    };
    const without = (named: readonly number[]): Row[] => delta(3, pages(1, 400), { named });
    expect(await codeOf(without(pages(1, 400)), missing)).to.equal("read");
    expect(asked).to.deep.equal([400]);
    expect(await codeOf(without(pages(1, 401)), missing)).to.equal("page_missing");
  });

  it("refuses a row of PIDX that names no page or no txid", async () => {
    for (const row of [
      { key: pageKey(BRANCH, 0), value: u64(1) },
      { key: pageKey(BRANCH, 10).subarray(0, -1), value: u64(1) },
      { key: pageKey(BRANCH, 10), value: bytesOf(u64(1), 0) },
    ]) {
      expect(await codeOf([...FERRYS.filter(({ key }) => Buffer.compare(key, row.key) !== 0), row])).to.equal(
        "pidx_invalid",
      );
    }
  });

  it("does not take a page from a SHARD that PIDX says is in a DELTA", async () => {
    const shards = pages(0, 7).map((index) =>
      shard(index, pages(Math.max(1, index * 64), Math.min(401, index * 64 + 64))),
    );
    expect(await codeOf(shards)).to.equal("read");
    expect(await codeOf([...shards, ...delta(8, [10], { named: [10, 11] })])).to.equal("page_missing");
    expect(await codeOf([...shards, { key: pageKey(BRANCH, 10), value: u64(9) }])).to.equal("page_missing");
  });
});
