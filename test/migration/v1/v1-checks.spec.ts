import { expect } from "chai";
import { ChunkSequence } from "../../../src/migration/v1/v1-checks.ts";
import { formatErrorCode } from "../../support/reference-properties.ts";
import { fileChunkK, PAGE, TAG } from "../../support/v1-actors.ts";

/** Chunk index of SQLite's lock-byte page, and the first of its span. */
const LOCK_BYTE_CHUNK = 262_144;

interface Chunk {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

function chunk(index: number, bytes = PAGE): Chunk {
  return { key: fileChunkK(TAG.main, index), value: new Uint8Array(bytes).fill(index % 255 || 255) };
}

/** The first byte of every page that a sequence gives, and what it misses. */
function pagesOf(chunks: ChunkSequence, entries: readonly Chunk[]): { first: number[]; missing: readonly number[] } {
  const first: number[] = [];
  const take = (page: Uint8Array): void => {
    expect(page).to.have.length(PAGE);
    first.push(page[0] ?? -1);
  };
  entries.forEach((entry) => {
    chunks.push(entry, take);
  });
  chunks.end(take);
  return { first, missing: chunks.missing };
}

describe("chunks in a sequence", () => {
  it("give their pages, and miss none when all are there", () => {
    const found = pagesOf(new ChunkSequence(3 * PAGE), [chunk(0), chunk(1), chunk(2)]);
    expect(found).to.deep.equal({ first: [255, 1, 2], missing: [] });
  });

  it("give zeros for those that are not there, at the start, between and at the end", () => {
    const found = pagesOf(new ChunkSequence(7 * PAGE), [chunk(1), chunk(4)]);
    expect(found).to.deep.equal({ first: [0, 1, 0, 0, 4, 0, 0], missing: [0, 2, 3, 5, 6] });
  });

  it("give zeros behind a chunk that is short", () => {
    const pages: Uint8Array[] = [];
    new ChunkSequence(PAGE).push(chunk(0, 10), (page) => pages.push(page));
    expect(pages.map((page) => page.filter((byte) => byte !== 0).length)).to.deep.equal([10]);
    expect(pages[0]).to.have.length(PAGE);
  });

  it("of a span miss nothing outside of it", () => {
    const span = { first: 4, end: 7 };
    expect(pagesOf(new ChunkSequence(9 * PAGE, span), [chunk(5)])).to.deep.equal({ first: [0, 5, 0], missing: [4, 6] });
    const last = { first: 4, end: Number.MAX_SAFE_INTEGER };
    expect(pagesOf(new ChunkSequence(6 * PAGE - 1, last), []).missing).to.deep.equal([4, 5]);
  });

  it("miss the page of SQLite's locks in the span that begins with it", () => {
    const span = { first: LOCK_BYTE_CHUNK, end: LOCK_BYTE_CHUNK + 256 };
    const rest = Array.from({ length: 255 }, (_, index) => chunk(LOCK_BYTE_CHUNK + 1 + index));
    const found = pagesOf(new ChunkSequence((LOCK_BYTE_CHUNK + 300) * PAGE, span), rest);
    expect(found.missing).to.deep.equal([LOCK_BYTE_CHUNK]);
    expect(found.first).to.have.length(256);
  });

  it("behind the size are unexpected, however many are missing before them, and none of these is given", () => {
    const chunks = new ChunkSequence(3 * PAGE);
    for (const index of [3, 0xffff_ffff]) {
      expect(formatErrorCode(() => pagesOf(chunks, [chunk(index)]))).to.equal("chunk_unexpected");
    }
    expect(chunks.missing).to.deep.equal([]);
  });
});
