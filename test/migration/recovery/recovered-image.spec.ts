import { expect } from "chai";
import fc from "fast-check";
import { concatBytes, equalBytes } from "../../../src/formats/bytes.ts";
import { InvariantError } from "../../../src/errors.ts";
import { MemorySource, type ByteSource } from "../../../src/migration/recovery/byte-source.ts";
import { readImagePages } from "../../../src/migration/recovery/image-pages.ts";
import { PageOverlay } from "../../../src/migration/recovery/page-overlay.ts";
import { RecoveredImage, type ImagePlan } from "../../../src/migration/recovery/recovered-image.ts";
import { imageOf, pageOf } from "./built-journal.ts";
import { resized, written } from "./edited-bytes.ts";

const PAGE = { pageSize: 512 };

describe("migration/recovery/recovered-image", () => {
  it("reads any range as the naive image has it", async () => {
    const layout = fc.record({
      mainBytes: fc.integer({ min: 0, max: 12 * 512 }),
      imagePages: fc.integer({ min: 1, max: 14 }),
      sidecar: fc.array(fc.integer({ min: 1, max: 14 }), { maxLength: 20 }),
      offset: fc.integer({ min: 0, max: 15 * 512 }),
      length: fc.integer({ min: 0, max: 15 * 512 }),
    });
    await fc.assert(
      fc.asyncProperty(layout, async ({ mainBytes, imagePages, sidecar, offset, length }) => {
        const main = resized(imageOf(101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112), mainBytes);
        const imageBytes = imagePages * 512;
        const overlay = new PageOverlay();
        const gap = new Uint8Array(8);
        const parts: Uint8Array[] = [gap];
        let expected = resized(main, imageBytes);
        for (const [index, pageNumber] of sidecar.entries()) {
          parts.push(pageOf(index + 1), gap);
          if (pageNumber <= imagePages) {
            overlay.set(pageNumber, 8 + index * 520);
            expected = written(expected, (pageNumber - 1) * 512, pageOf(index + 1));
          }
        }
        const plan = { header: PAGE, mainBytes: Math.min(mainBytes, imageBytes), imageBytes, overlay };
        const image = new RecoveredImage(new MemorySource(main), new MemorySource(concatBytes(...parts)), plan);
        const bytes = await image.read(offset, length);
        expect(equalBytes(bytes, expected.subarray(offset, offset + length))).to.equal(true);
      }),
    );
  });

  it("asks the main file for nothing that does not end up in the image", async () => {
    const asked: [number, number][] = [];
    const main: ByteSource = {
      size: 9 * 512,
      read: (offset, length) => {
        asked.push([offset, length]);
        return Promise.resolve(new Uint8Array(length));
      },
    };
    const overlay = new PageOverlay();
    overlay.set(2, 4);
    const plan = { header: PAGE, mainBytes: 4 * 512, imageBytes: 4 * 512, overlay };
    await new RecoveredImage(main, new MemorySource(new Uint8Array(600)), plan).read(0, 4 * 512);
    expect(asked).to.deep.equal([
      [0, 512],
      [1024, 1024],
    ]);
  });

  it("reads neighbouring pages of a journal with one read, and distant ones apart", async () => {
    const asked: [number, number][] = [];
    const sidecar: ByteSource = {
      size: 10 ** 9,
      read: (offset, length) => {
        asked.push([offset, length]);
        return Promise.resolve(new Uint8Array(length));
      },
    };
    const overlay = new PageOverlay();
    for (const [index, pageNumber] of [3, 1, 2].entries()) {
      overlay.set(pageNumber, 516 + index * 520);
    }
    overlay.set(4, 5 * 10 ** 8);
    const plan = { header: PAGE, mainBytes: 0, imageBytes: 4 * 512, overlay };
    await new RecoveredImage(new MemorySource(new Uint8Array(0)), sidecar, plan).read(0, 4 * 512);
    expect(asked).to.deep.equal([
      [516, 3 * 520 - 8],
      [5 * 10 ** 8, 512],
    ]);
  });

  it("reads no more than 4 MiB of a journal at once", async () => {
    const lengths: number[] = [];
    const sidecar: ByteSource = {
      size: 10 ** 9,
      read: (_offset, length) => {
        lengths.push(length);
        return Promise.resolve(new Uint8Array(length));
      },
    };
    const overlay = new PageOverlay();
    for (let page = 1; page <= 10_000; page += 1) {
      overlay.set(page, 516 + (page - 1) * 520);
    }
    const plan = { header: PAGE, mainBytes: 0, imageBytes: 10_000 * 512, overlay };
    await new RecoveredImage(new MemorySource(new Uint8Array(0)), sidecar, plan).read(0, 10_000 * 512);
    expect(lengths).to.have.lengthOf(2);
    expect(lengths[0]).to.be.within(4 * 2 ** 20 - 520, 4 * 2 ** 20);
  });

  it("is the same over another reading of the main file, also where it lies over another image", async () => {
    const overlayOf = (pageNumber: number): PageOverlay => {
      const overlay = new PageOverlay();
      overlay.set(pageNumber, 4);
      return overlay;
    };
    const plan = (pageNumber: number): ImagePlan => ({
      header: PAGE,
      mainBytes: 4 * 512,
      imageBytes: 4 * 512,
      overlay: overlayOf(pageNumber),
    });
    const sidecar = (content: number): ByteSource => new MemorySource(concatBytes(new Uint8Array(4), pageOf(content)));
    const restored = new RecoveredImage(new MemorySource(imageOf(1, 2, 3, 4)), sidecar(12), plan(2));
    const applied = new RecoveredImage(restored, sidecar(13), plan(3));
    const other = new MemorySource(imageOf(5, 6, 7, 8));
    expect(equalBytes(await restored.over(other).read(0, 2048), imageOf(5, 12, 7, 8))).to.equal(true);
    expect(equalBytes(await applied.over(other).read(0, 2048), imageOf(5, 12, 13, 8))).to.equal(true);
    expect(equalBytes(await applied.read(0, 2048), imageOf(1, 12, 13, 4))).to.equal(true);
  });

  it("refuses a source that gives less than it promised", async () => {
    const main: ByteSource = { size: 512, read: () => Promise.resolve(new Uint8Array(100)) };
    const plan = { header: PAGE, mainBytes: 512, imageBytes: 512, overlay: new PageOverlay() };
    const image = new RecoveredImage(main, new MemorySource(new Uint8Array(0)), plan);
    const failure: unknown = await image.read(0, 512).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(InvariantError);
  });
});

describe("migration/recovery/page-overlay", () => {
  it("behaves like a map", () => {
    const entry = fc.tuple(fc.integer({ min: 1, max: 0xffff_ffff }), fc.integer({ min: 1, max: 2 ** 48 }));
    const near = fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 2 ** 48 }));
    fc.assert(
      fc.property(fc.array(fc.oneof(entry, near)), (entries) => {
        const overlay = new PageOverlay();
        for (const [pageNumber, offset] of entries) {
          overlay.set(pageNumber, offset);
        }
        const map = new Map(entries);
        expect(overlay.size).to.equal(map.size);
        for (const [pageNumber, offset] of map) {
          expect(overlay.get(pageNumber)).to.equal(offset);
          expect(overlay.get(pageNumber - 1)).to.equal(map.get(pageNumber - 1));
        }
      }),
    );
  });
});

describe("migration/recovery/image-pages", () => {
  it("gives the whole image as pages of 4096 bytes, in order", async () => {
    const bytes = Uint8Array.from({ length: 600 * 4096 }, (_, index) => Math.floor(index / 4096) + index);
    const firsts: number[] = [];
    const pages: Uint8Array[] = [];
    for await (const batch of readImagePages(new MemorySource(bytes), new AbortController().signal)) {
      firsts.push(batch.firstPgno);
      pages.push(...batch.pages);
    }
    expect(firsts).to.deep.equal([1, 257, 513]);
    expect(pages.every((page) => page.length === 4096)).to.equal(true);
    expect(equalBytes(concatBytes(...pages), bytes)).to.equal(true);
  });

  it("fills up the last page of one that ends within it, also where that is the only one", async () => {
    for (const [length, count] of [
      [0, 0],
      [1, 1],
      [4096, 1],
      [257 * 4096 + 5, 258],
    ] as const) {
      const bytes = new Uint8Array(length).fill(7);
      const pages: Uint8Array[] = [];
      for await (const batch of readImagePages(new MemorySource(bytes), new AbortController().signal)) {
        pages.push(...batch.pages);
      }
      expect(pages.map((page) => page.length)).to.deep.equal(new Array<number>(count).fill(4096));
      const filled = concatBytes(bytes, new Uint8Array(count * 4096 - length));
      expect(equalBytes(concatBytes(...pages), filled), String(length)).to.equal(true);
    }
  });

  it("stops when it is asked to", async () => {
    const controller = new AbortController();
    controller.abort();
    const pages = readImagePages(new MemorySource(new Uint8Array(4096)), controller.signal);
    const failure: unknown = await pages.next().catch((error: unknown) => error);
    expect(failure).to.include({ code: "aborted" });
  });
});
