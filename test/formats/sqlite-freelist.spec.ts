import { expect } from "chai";
import fc from "fast-check";
import { Freelist } from "../../src/formats/sqlite-freelist.ts";
import { freelistOf } from "../support/reference-freelist.ts";
import { asPooledBuffer, bitFlips, holds } from "../support/reference-properties.ts";
import { PAGE, sqliteHeader } from "../support/v1-actors.ts";
import { sqliteImage } from "../support/v1-actors-sqlite.ts";

/** Page 1 of a database with this freelist, as the file format says. */
function page1(firstTrunk: number, listedPages: number, reservedBytes = 0): Uint8Array {
  const page = Buffer.alloc(PAGE);
  page.set(sqliteHeader(9));
  page[20] = reservedBytes;
  page.writeUInt32BE(firstTrunk, 32);
  page.writeUInt32BE(listedPages, 36);
  return Uint8Array.from(page);
}

function trunk(next: number, leafCount: number, leaves: readonly number[]): Uint8Array {
  const page = Buffer.alloc(PAGE);
  [next, leafCount, ...leaves].forEach((number, index) => page.writeUInt32BE(number, 4 * index));
  return Uint8Array.from(page);
}

/** The list from these pages, asked for at most as often as there are pages. */
function read(image: Uint8Array): Freelist {
  const pageCount = image.length / PAGE;
  const page = (number: number): Uint8Array => image.subarray((number - 1) * PAGE, number * PAGE);
  const list = new Freelist(page(1), pageCount);
  let asked = 0;
  for (let next = list.nextTrunk; next !== undefined; next = list.nextTrunk) {
    asked += 1;
    expect(asked, "trunks asked for").to.be.below(pageCount);
    expect(next).to.be.within(2, pageCount);
    list.addTrunk(page(next));
  }
  return list;
}

function leavesOf(list: Freelist, pageCount: number): number[] {
  return Array.from({ length: pageCount + 2 }, (_, number) => number).filter((number) => list.isLeaf(number));
}

/** Of nine pages: trunks 3 and 7, leaves 2, 9 and 5. */
function small(edit: (image: Buffer) => void = () => undefined): Uint8Array {
  const image = Buffer.alloc(9 * PAGE);
  image.set(page1(3, 5));
  image.set(trunk(7, 2, [2, 9]), 2 * PAGE);
  image.set(trunk(0, 1, [5]), 6 * PAGE);
  edit(image);
  return Uint8Array.from(image);
}

describe("a freelist", () => {
  it("has the leaves that its trunks name, and its trunks are none of them", () => {
    const list = read(small());
    expect(list.isWhole).to.equal(true);
    expect(leavesOf(list, 9)).to.deep.equal([2, 5, 9]);
  });

  it("is read the same from a buffer in the middle of other memory", () => {
    const list = new Freelist(asPooledBuffer(page1(2, 1)), 9);
    list.addTrunk(asPooledBuffer(trunk(0, 0, [])));
    expect(list.isWhole).to.equal(true);
  });

  it("is whole when it is empty", () => {
    const list = new Freelist(page1(0, 0), 9);
    expect([list.isWhole, list.nextTrunk]).to.deep.equal([true, undefined]);
    expect(leavesOf(list, 9)).to.deep.equal([]);
  });

  it("is not whole, and has no leaves, before all its trunks were given", () => {
    const list = new Freelist(page1(3, 5), 9);
    expect([list.isWhole, list.nextTrunk]).to.deep.equal([false, 3]);
    list.addTrunk(trunk(7, 2, [2, 9]));
    expect([list.isWhole, list.nextTrunk, list.isLeaf(2)]).to.deep.equal([false, 7, false]);
  });

  it("of a real file is the one that SQLite counts", () => {
    const image = sqliteImage((database) => {
      database.exec("CREATE TABLE t (content BLOB); INSERT INTO t VALUES (randomblob(5000000)); DELETE FROM t;");
      expect(database.get("PRAGMA freelist_count")).to.deep.equal({ freelist_count: 1221 });
    });
    const list = read(image);
    expect(list.isWhole).to.equal(true);
    const leaves = leavesOf(list, image.length / PAGE);
    expect(leaves).to.have.length(1219);
    expect(leaves).to.deep.equal(freelistOf(image)?.leaves.toSorted((a, b) => a - b));
  });

  const DAMAGES: readonly (readonly [string, (image: Buffer) => void])[] = [
    ["a count one too low", (image) => image.writeUInt32BE(4, 36)],
    ["a count one too high", (image) => image.writeUInt32BE(6, 36)],
    ["a count of zero", (image) => image.writeUInt32BE(0, 36)],
    ["a count of as many pages as there are", (image) => image.writeUInt32BE(9, 36)],
    ["the largest count there is", (image) => image.writeUInt32BE(0xffff_ffff, 36)],
    ["no first trunk", (image) => image.writeUInt32BE(0, 32)],
    ["page 1 as its first trunk", (image) => image.writeUInt32BE(1, 32)],
    ["a first trunk behind the file", (image) => image.writeUInt32BE(10, 32)],
    ["the largest first trunk there is", (image) => image.writeUInt32BE(0xffff_ffff, 32)],
    ["a trunk that is its own next", (image) => image.writeUInt32BE(7, 6 * PAGE)],
    ["a trunk that leads back to the first", (image) => image.writeUInt32BE(3, 6 * PAGE)],
    ["a trunk that leads to a leaf", (image) => image.writeUInt32BE(9, 6 * PAGE)],
    ["a next trunk behind the file", (image) => image.writeUInt32BE(10, 6 * PAGE)],
    ["a leaf twice", (image) => image.writeUInt32BE(2, 2 * PAGE + 12)],
    ["a leaf of two trunks", (image) => image.writeUInt32BE(9, 6 * PAGE + 8)],
    ["a trunk as a leaf", (image) => image.writeUInt32BE(3, 6 * PAGE + 8)],
    ["a next trunk as a leaf", (image) => image.writeUInt32BE(7, 2 * PAGE + 8)],
    ["page 0 as a leaf", (image) => image.writeUInt32BE(0, 6 * PAGE + 8)],
    ["page 1 as a leaf", (image) => image.writeUInt32BE(1, 6 * PAGE + 8)],
    ["a leaf behind the file", (image) => image.writeUInt32BE(10, 6 * PAGE + 8)],
    ["the largest leaf there is", (image) => image.writeUInt32BE(0xffff_ffff, 6 * PAGE + 8)],
    ["one leaf less than counted", (image) => image.writeUInt32BE(0, 6 * PAGE + 4)],
    ["more leaves than fit", (image) => image.writeUInt32BE(1023, 6 * PAGE + 4)],
    ["the largest number of leaves there is", (image) => image.writeUInt32BE(0xffff_ffff, 6 * PAGE + 4)],
  ];

  for (const [what, edit] of DAMAGES) {
    it(`with ${what} is not believed: no page is a leaf`, () => {
      const list = read(small(edit));
      expect([list.isWhole, list.nextTrunk]).to.deep.equal([false, undefined]);
      expect(leavesOf(list, 9)).to.deep.equal([]);
    });
  }

  it("may have as many leaves in a trunk as usable bytes allow, and no more", () => {
    for (const reservedBytes of [0, 8, 255]) {
      const most = Math.floor((PAGE - reservedBytes) / 4) - 2;
      for (const leafCount of [most, most + 1]) {
        const leaves = Array.from({ length: Math.min(leafCount, 1022) }, (_, index) => index + 3);
        const list = new Freelist(page1(2, leafCount + 1, reservedBytes), 2000);
        list.addTrunk(trunk(0, leafCount, leaves));
        expect(list.isWhole, `${leafCount} of ${most}`).to.equal(leafCount === most);
      }
    }
  });

  it("with any one bit flipped is believed only where the naive reader believes it, with the same leaves", () => {
    const image = small();
    for (const at of [32, 2 * PAGE, 6 * PAGE]) {
      for (const { flipped } of bitFlips(image.slice(at, at + 24))) {
        const damaged = Uint8Array.from(image);
        damaged.set(flipped, at);
        expectAsReference(damaged);
      }
    }
  });

  it("of random numbers ends, and is believed only where the naive reader believes it", () => {
    const number = fc.oneof(fc.nat(6), fc.integer({ min: 0, max: 0xffff_ffff }));
    const page = fc.tuple(fc.nat(6), fc.nat(3), number, number, number);
    holds(
      fc.property(fc.nat(6), fc.nat(6), fc.array(page, { minLength: 4, maxLength: 4 }), (first, count, trunks) => {
        const image = Buffer.alloc(5 * PAGE);
        image.set(page1(first, count));
        trunks.forEach(([next, leafCount, ...leaves], index) => {
          image.set(trunk(next, leafCount, leaves), (index + 1) * PAGE);
        });
        expectAsReference(image);
      }),
      3_000,
    );
  });

  function expectAsReference(image: Uint8Array): void {
    const expected = freelistOf(image);
    const list = read(image);
    expect(list.isWhole).to.equal(expected !== undefined);
    expect(leavesOf(list, image.length / PAGE)).to.deep.equal((expected?.leaves ?? []).toSorted((a, b) => a - b));
  }
});
