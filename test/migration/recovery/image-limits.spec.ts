import { expect } from "chai";
import { MemorySource } from "../../../src/migration/recovery/byte-source.ts";
import { headerPageSize, initialPageSize } from "../../../src/migration/recovery/image-limits.ts";

/** A file's first bytes, with these two where the page size is. */
function fileWith(...pageSize: number[]): MemorySource {
  return new MemorySource(Uint8Array.from([...new Uint8Array(16), ...pageSize]));
}

describe("migration/recovery/image-limits", () => {
  it("reads the page size as SQLite does, which shifts the second byte above the first", async () => {
    for (const [pageSize, bytes] of [
      [512, [0x02, 0x00]],
      [4096, [0x10, 0x00]],
      [32_768, [0x80, 0x00]],
      [65_536, [0x00, 0x01]],
    ] as const) {
      expect(await headerPageSize(fileWith(...bytes))).to.equal(pageSize);
    }
  });

  it("gives none that SQLite does not allow, nor one of a file that ends before", async () => {
    for (const bytes of [[0, 0], [1, 0], [0x30, 0], [0x10, 0x10], [0, 2], [0, 0x80], [0x10], []]) {
      expect(await headerPageSize(fileWith(...bytes)), bytes.join()).to.equal(undefined);
      expect(await initialPageSize(fileWith(...bytes)), bytes.join()).to.equal(4096);
    }
  });
});
