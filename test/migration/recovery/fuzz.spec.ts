import { expect } from "chai";
import fc from "fast-check";
import { MemorySource, type ByteSource } from "../../../src/migration/recovery/byte-source.ts";
import { recoverImage } from "../../../src/migration/recovery/recover-image.ts";
import { imageOf, journalOf } from "./built-journal.ts";
import { resized, written } from "./edited-bytes.ts";
import { LONG } from "../../support/run-options.ts";

/**
 * Arbitrary bytes as journal, log and main file. `FERRY_TEST_LONG=1 npx mocha test/migration/recovery/fuzz.spec.ts` tries a hundred times
 * as many; a failure prints its seed.
 */
const RUNS = LONG ? 50_000 : 500;
const MAX_IMAGE_BYTES = 2 ** 20;

describe("recovery on arbitrary bytes", function () {
  this.timeout(600_000);

  it("gives a plan or an image, reads each sidecar byte a bounded number of times, and never throws", async () => {
    const journal = fc.oneof(fc.uint8Array({ maxLength: 5000 }), edited(sampleJournal(), 28), tiled(sampleJournal()));
    const wal = fc.oneof(fc.constant(undefined), fc.uint8Array({ maxLength: 3000 }));
    const main = fc.oneof(fc.uint8Array({ maxLength: 3000 }), fc.constant(imageOf(1, 2, 3, 4)));
    await fc.assert(
      fc.asyncProperty(journal, wal, main, async (journalBytes, walBytes, mainBytes) => {
        const counted = new CountingSource(journalBytes);
        const recovery = await recoverImage(
          { main: new MemorySource(mainBytes), journal: counted, wal: walBytes && new MemorySource(walBytes) },
          { maxImageBytes: MAX_IMAGE_BYTES },
        );
        expect(counted.bytesRead).to.be.lessThan(4 * journalBytes.length + 4096);
        if (recovery.image !== undefined) {
          expect(recovery.image.size).to.be.lessThanOrEqual(Math.max(MAX_IMAGE_BYTES, mainBytes.length));
          const image = await recovery.image.read(0, recovery.image.size);
          expect(image).to.have.length(recovery.image.size);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("walks a journal of nothing but empty segments to its end", async () => {
    const journal = tile(journalOf(4, { records: [], header: { sectorSize: 32 } }), 32 * 100_000);
    const { journal: plan } = await recoverImage({
      main: new MemorySource(imageOf(1)),
      journal: new MemorySource(journal),
    });
    expect(plan).to.include({ state: "hot", segments: 100_000, recordsPlayed: 0 });
  });

  it("lets the event loop turn while it scans what is in memory", async () => {
    const journal = tile(journalOf(4, { records: [], header: { sectorSize: 32 } }), 4 * 2 ** 20);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    await recoverImage({ main: new MemorySource(imageOf(1)), journal: new MemorySource(journal) });
    clearInterval(timer);
    expect(turns).to.be.greaterThan(0);
  });
});

class CountingSource implements ByteSource {
  readonly size: number;
  bytesRead = 0;
  readonly #source: MemorySource;

  constructor(bytes: Uint8Array) {
    this.#source = new MemorySource(bytes);
    this.size = bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#source.read(offset, length);
    this.bytesRead += bytes.length;
    return bytes;
  }
}

function sampleJournal(): Uint8Array {
  return journalOf(
    4,
    {
      records: [
        [1, 11],
        [2, 22],
      ],
    },
    { records: [[3, 33]] },
    {
      records: [
        [4, 44],
        [9, 99],
        [1, 12],
      ],
    },
  );
}

/** A sound journal with some bytes overwritten, the first header's more often than the rest. */
function edited(journal: Uint8Array, headerBytes: number): fc.Arbitrary<Uint8Array> {
  const at = fc.oneof(fc.integer({ min: 8, max: headerBytes - 1 }), fc.integer({ min: 0, max: journal.length - 1 }));
  const edits = fc.array(fc.tuple(at, fc.uint8Array({ minLength: 1, maxLength: 4 })), { minLength: 1, maxLength: 4 });
  const size = fc.integer({ min: 0, max: journal.length });
  return fc.tuple(edits, fc.option(size)).map(([changes, cut]) => {
    let bytes = journal;
    for (const [offset, more] of changes) {
      bytes = written(bytes, offset, more);
    }
    return cut === null ? bytes : resized(bytes, cut);
  });
}

/** A part of a journal over and over: headers at places where no writer puts them. */
function tiled(journal: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.integer({ min: 28, max: journal.length }).map((length) => tile(journal.subarray(0, length), 8000));
}

function tile(piece: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += piece.length) {
    bytes.set(piece.subarray(0, size - at), at);
  }
  return bytes;
}
