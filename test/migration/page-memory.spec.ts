import { expect } from "chai";
import { compressPage } from "../../src/formats/page-codec.ts";
import { PageMemory } from "../../src/migration/page-memory.ts";
import { PAGE } from "../support/v1-actors.ts";

const page = (byte: number): Uint8Array => new Uint8Array(PAGE).fill(byte);

function filled(memory: PageMemory, bytes: readonly number[]): Uint8Array[] {
  return bytes.map((byte) => {
    const room = memory.room() ?? expect.fail("there is no room");
    room.set(page(byte));
    return room;
  });
}

describe("a page memory", () => {
  it("has room for so many pages, side by side, and knows them by where they are", () => {
    const memory = new PageMemory(3);
    const pages = filled(memory, [1, 2, 3]);
    expect(memory.room()).to.equal(undefined);
    const all = new Uint8Array(memory.bytes, memory.begin);
    expect(Buffer.from(all).equals(Buffer.concat([page(1), page(2), page(3)]))).to.equal(true);
    expect(memory.holds(pages)).to.equal(true);
    expect(memory.holds(pages.slice(0, 2))).to.equal(true);
    for (const others of [pages.slice(1), pages.toReversed(), [page(1)], [...pages, page(4)]]) {
      expect(memory.holds(others)).to.equal(false);
    }
  });

  it("has its room again when it is cleared, and pages that were kept are spoilt", () => {
    const memory = new PageMemory(2);
    const [first, second] = filled(memory, [1, 2]);
    memory.clear();
    expect(Buffer.from(first ?? page(1)).equals(page(1))).to.equal(false);
    expect(Buffer.from(second ?? page(2)).equals(page(2))).to.equal(false);
    expect(memory.holds(filled(memory, [3]))).to.equal(true);
  });

  it("holds blocks in the place of pages, though every one is longer than a page", () => {
    const noise = Uint8Array.from({ length: PAGE }, (_, index) => (index * index * 31 + (index >> 3)) % 251);
    const blocks = [noise, page(0)].map(compressPage);
    const memory = new PageMemory(2);
    memory.setBlocks(blocks);
    const found = memory.blocks(blocks.map(({ length }) => length));
    expect(found.map((block) => Buffer.from(block).toString("hex"))).to.deep.equal(
      blocks.map((block) => Buffer.from(block).toString("hex")),
    );
  });
});
