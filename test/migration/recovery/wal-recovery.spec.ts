import { expect } from "chai";
import { concatBytes, equalBytes } from "../../../src/formats/bytes.ts";
import { WAL_VERSION, encodeWalFrame, encodeWalHeader, type WalHeader } from "../../../src/formats/wal.ts";
import { MemorySource } from "../../../src/migration/recovery/byte-source.ts";
import { recoverImage, type Recovery } from "../../../src/migration/recovery/recover-image.ts";
import { imageOf, journalOf, pageOf } from "./built-journal.ts";
import { resized, written } from "./edited-bytes.ts";

const HEADER: WalHeader = {
  bigEndianChecksums: false,
  version: WAL_VERSION,
  pageSize: 512,
  checkpointSequence: 0,
  salt: [1, 2],
};
/** A page size of 512 in the header, the rest as `imageOf`. */
const MAIN = written(imageOf(1, 2, 3, 4), 16, Uint8Array.of(2, 0));

type BuiltFrame = readonly [pageNumber: number, byte: number, commitPages: number];

describe("migration/recovery/wal-recovery", () => {
  it("leaves the main file alone without committed frames", async () => {
    const wal = walOf([2, 22, 4]);
    const spoiled = written(wal, 24, Uint8Array.of(1, 2, 3));
    const states = [
      { wal: undefined, state: "absent" },
      { wal: new Uint8Array(0), state: "empty" },
      { wal: resized(wal, 31), state: "invalid_header" },
      { wal: spoiled, state: "invalid_header" },
      { wal: resized(wal, 32), state: "no_commit" },
      { wal: resized(wal, wal.length - 1), state: "no_commit" },
      { wal: walOf([2, 22, 0]), state: "no_commit" },
    ];
    for (const { wal: bytes, state } of states) {
      const recovery = await recovered(bytes);
      expect(recovery.wal?.state).to.equal(state);
      await expectImage(recovery, MAIN);
    }
    expect((await recovered(wal, new Uint8Array(0))).wal?.state).to.equal("main_empty");
  });

  it("applies frames up to the last commit, later over earlier", async () => {
    const recovery = await recovered(walOf([2, 22, 0], [2, 23, 4], [3, 33, 0], [3, 34, 4], [4, 44, 0]));
    expect(recovery.wal).to.include({ state: "valid_frames", framesValid: 5, framesCommitted: 4, pagesApplied: 2 });
    await expectImage(recovery, written(MAIN, 512, imageOf(23, 34)));
  });

  it("takes the last commit's size, shorter or longer than the file, and no page past it", async () => {
    const shorter = await recovered(walOf([4, 44, 4], [2, 22, 3]));
    expect(shorter.wal).to.include({ pagesApplied: 1, mainBytes: 3 * 512 });
    await expectImage(shorter, resized(written(MAIN, 512, imageOf(22)), 3 * 512));
    const longer = await recovered(walOf([6, 66, 6]));
    await expectImage(longer, concatBytes(MAIN, imageOf(0, 66)));
  });

  it("stops at frames of an earlier round of the log", async () => {
    const wal = concatBytes(walOf([2, 22, 4]), walOf([3, 33, 4]).subarray(32));
    expect((await recovered(wal)).wal).to.include({ framesValid: 1 });
  });

  it("follows checksums of either byte order", async () => {
    const recovery = await recovered(walWith({ ...HEADER, bigEndianChecksums: true }, [2, 22, 4]));
    expect(recovery.wal).to.include({ state: "valid_frames", framesCommitted: 1 });
  });

  it("gives no image where SQLite refuses", async () => {
    const refused = [
      { wal: walWith({ ...HEADER, version: WAL_VERSION + 1 }, [2, 22, 4]), state: "unsupported_version" },
      { wal: walOf([2, 22, 1000]), state: "size_implausible" },
      { wal: walOf([1, 11, 4]), state: "page_size_mismatch" },
      { wal: walOf([2, 22, 0xffff_ffff]), state: "too_large" },
    ];
    for (const { wal, state } of refused) {
      const recovery = await recovered(wal);
      expect(recovery.wal?.state).to.equal(state);
      expect(recovery.image).to.equal(undefined);
    }
  });

  it("takes a last commit of as many pages as the file, 64 KiB and the committed frames can fill, and of no more", async () => {
    const most = (MAIN.length + 65_536 + 512) / 512;
    for (const [frames, state] of [
      [[[2, 22, most]], "valid_frames"],
      [[[2, 22, most + 1]], "size_implausible"],
      [
        [
          [2, 22, most + 1],
          [3, 33, 0],
        ],
        "size_implausible",
      ],
      [
        [
          [2, 22, 0],
          [3, 33, most + 1],
        ],
        "valid_frames",
      ],
    ] as const) {
      expect((await recovered(walOf(...frames))).wal?.state, frames.join(" ")).to.equal(state);
    }
  });

  it("takes an image of just the limit, and none over it", async () => {
    const files = { main: new MemorySource(MAIN), wal: new MemorySource(walOf([2, 22, 5])) };
    expect((await recoverImage(files, { maxImageBytes: 5 * 512 })).wal?.state).to.equal("valid_frames");
    expect((await recoverImage(files, { maxImageBytes: 5 * 512 - 1 })).wal?.state).to.equal("too_large");
  });

  it("applies the log to what the journal's rollback left", async () => {
    const journal = journalOf(3, {
      records: [
        [2, 200],
        [3, 201],
      ],
    });
    const recovery = await recoverImage({
      main: new MemorySource(MAIN),
      journal: new MemorySource(journal),
      wal: new MemorySource(walOf([3, 33, 3])),
    });
    expect(recovery.journal.state).to.equal("hot");
    await expectImage(recovery, written(resized(MAIN, 3 * 512), 512, imageOf(200, 33)));
  });

  it("examines no log when the journal leaves no image", async () => {
    const journal = new MemorySource(journalOf(0xffff_ffff, { records: [] }));
    const recovery = await recoverImage({
      main: new MemorySource(MAIN),
      journal,
      wal: new MemorySource(walOf([3, 33, 3])),
    });
    expect(recovery.journal.state).to.equal("too_large");
    expect(recovery).not.to.have.any.keys("wal", "image");
  });
});

function walOf(...frames: readonly BuiltFrame[]): Uint8Array {
  return walWith(HEADER, ...frames);
}

function walWith(header: WalHeader, ...frames: readonly BuiltFrame[]): Uint8Array {
  const start = encodeWalHeader(header);
  const parts = [start.bytes];
  let checksum = start.checksum;
  for (const [pageNumber, byte, commitPages] of frames) {
    const encoded = encodeWalFrame({ pageNumber, commitPages, page: pageOf(byte) }, header, checksum);
    checksum = encoded.checksum;
    parts.push(encoded.bytes);
  }
  return concatBytes(...parts);
}

function recovered(wal: Uint8Array | undefined, main: Uint8Array = MAIN): Promise<Recovery> {
  return recoverImage({ main: new MemorySource(main), wal: wal && new MemorySource(wal) });
}

async function expectImage({ image }: Recovery, expected: Uint8Array): Promise<void> {
  expect(image?.size).to.equal(expected.length);
  expect(equalBytes(await image?.read(0, expected.length), expected), "image").to.equal(true);
}
