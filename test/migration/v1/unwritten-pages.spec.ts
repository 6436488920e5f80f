import { expect } from "chai";
import { FormatError } from "../../../src/formats/format-error.ts";
import { FILE_TAG } from "../../../src/formats/v1-file.ts";
import { MemorySource, type ByteSource } from "../../../src/migration/recovery/byte-source.ts";
import { firstLostOf, UnwrittenPages } from "../../../src/migration/v1/unwritten-pages.ts";
import { V1FileSource } from "../../../src/migration/v1/v1-file-source.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { formatErrorCode } from "../../support/reference-properties.ts";
import { freelistOf } from "../../support/reference-freelist.ts";
import { SeededRandom } from "../../support/reference-random.ts";
import { forEachSeed, LONG, SEED, seedCount, Tally } from "../../support/run-options.ts";
import {
  bytesOf,
  entryRows,
  fileChunkK,
  PAGE,
  syntheticImage,
  TAG,
  testActor,
  v1Rows,
} from "../../support/v1-actors.ts";
import { sqliteImage } from "../../support/v1-actors-sqlite.ts";

const ACTOR = testActor(33);
const LOCK_BYTE_CHUNK = 262_144;

/** The image, which counts its reads and has no bytes of some chunks. */
class CountingSource implements ByteSource {
  readonly size: number;
  readonly #image: Uint8Array;
  readonly #missing: readonly number[];
  reads = 0;

  constructor(image: Uint8Array, missing: readonly number[] = []) {
    this.#image = image;
    this.#missing = missing;
    this.size = image.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.reads += 1;
    await Promise.resolve();
    if (this.#missing.some((index) => index * PAGE < offset + length && (index + 1) * PAGE > offset)) {
      throw new FormatError("chunk_missing", "A chunk of the file is missing.");
    }
    return this.#image.subarray(offset, offset + length);
  }
}

/** Two trunks and some 1,200 leaves. */
function freedImage(): Uint8Array {
  return sqliteImage((database) => {
    database.exec("CREATE TABLE t (content BLOB); INSERT INTO t VALUES (zeroblob(5000000)); DELETE FROM t;");
  });
}

function pagesOf(image: Uint8Array): Uint8Array[] {
  return Array.from({ length: image.length / PAGE }, (_, index) => image.subarray(index * PAGE, (index + 1) * PAGE));
}

describe("a chunk that is missing", () => {
  const image = freedImage();
  const { trunks, leaves } = freelistOf(image) ?? expect.fail("no freelist");
  const leafChunks = leaves.map((pageNumber) => pageNumber - 1);
  const trunkChunks = trunks.map((pageNumber) => pageNumber - 1);

  /** What both readings of the freelist say. */
  async function lost(of: Uint8Array, missing: readonly number[]): Promise<number | undefined> {
    const streamed = await new UnwrittenPages(new CountingSource(of, missing)).firstLost(missing);
    expect(firstLostOf(missing, pagesOf(of), of.length), "in memory").to.equal(streamed);
    return streamed;
  }

  it("is not lost when it is a leaf of the freelist, of any of its trunks", async () => {
    expect(trunks).to.have.length(2);
    expect(await lost(image, leafChunks)).to.equal(undefined);
  });

  it("is lost when it is page 1, a page in use, or a trunk, and the first such one is told", async () => {
    const [leaf = 0] = leafChunks;
    const used = [0, 1];
    expect(used.some((index) => leafChunks.includes(index))).to.equal(false);
    for (const index of [...used, ...trunkChunks]) {
      expect(await lost(image, [index])).to.equal(index);
    }
    expect(await lost(image, [1, leaf])).to.equal(1);
    // Without a trunk nothing of the list is believed.
    const [trunk = 0] = trunkChunks;
    const both = [leaf, trunk].toSorted((a, b) => a - b);
    expect(await lost(image, both)).to.equal(both[0]);
  });

  it("is lost when a trunk is that would have no leaves, as a page of zeros has none", async () => {
    const fourPages = Buffer.from(syntheticImage(4, "zeros"));
    // Trunk 3 with leaf 2, then trunk 4.
    [3, 3].forEach((number, index) => fourPages.writeUInt32BE(number, 32 + 4 * index));
    [4, 1, 2].forEach((number, index) => fourPages.writeUInt32BE(number, 2 * PAGE + 4 * index));
    expect(await lost(fourPages, [1])).to.equal(undefined);
    expect(await lost(fourPages, [1, 3])).to.equal(1);
  });

  it("is not lost when it is the page of SQLite's locks, for which nothing is read", async () => {
    const source = new CountingSource(syntheticImage(1, "zeros"));
    const unwritten = new UnwrittenPages(source);
    expect(await unwritten.firstLost([LOCK_BYTE_CHUNK])).to.equal(undefined);
    expect(source.reads).to.equal(0);
    expect(await unwritten.firstLost([LOCK_BYTE_CHUNK - 1, LOCK_BYTE_CHUNK])).to.equal(LOCK_BYTE_CHUNK - 1);
    expect(await unwritten.firstLost([LOCK_BYTE_CHUNK, LOCK_BYTE_CHUNK + 1])).to.equal(LOCK_BYTE_CHUNK + 1);
  });

  it("is lost in an image that is none of whole pages of 4,096 bytes", async () => {
    const [leaf = 0] = leafChunks;
    for (const edit of [
      (bytes: Buffer): unknown => bytes.writeUInt16BE(512, 16),
      (bytes: Buffer): unknown => bytes.writeUInt16BE(0, 16),
      (bytes: Buffer): unknown => bytes.write("SQLite format 4", "latin1"),
    ]) {
      const edited = Buffer.from(image);
      edit(edited);
      expect(await lost(edited, [leaf])).to.equal(leaf);
    }
    const cut = new CountingSource(image.subarray(0, -1));
    expect(await new UnwrittenPages(cut).firstLost([leaf])).to.equal(leaf);
  });

  it("costs one reading of the freelist, however many ask at once", async () => {
    const source = new CountingSource(image);
    const unwritten = new UnwrittenPages(source);
    await Promise.all(leafChunks.map(async (index) => unwritten.firstLost([index])));
    expect(source.reads).to.equal(1 + trunks.length);
  });

  it("passes on what a source throws that is not about the data", async () => {
    const broken = { size: 4 * PAGE, read: () => Promise.reject(new Error("the store is gone")) };
    const asked = new UnwrittenPages(broken).firstLost([1]);
    expect(await asked.then(String, (error: unknown) => (error as Error).message)).to.equal("the store is gone");
  });
});

describe("a freelist with random damage", () => {
  const seeds = seedCount({ short: 300, long: 5_000 });

  it(`ends, and no page is free that the naive reader does not know free (${seeds} seeds from ${SEED})`, async function () {
    this.timeout(LONG ? 600_000 : 60_000);
    const image = freedImage();
    const { trunks } = freelistOf(image) ?? expect.fail("no freelist");
    const every = Array.from({ length: image.length / PAGE }, (_, index) => index);
    const seen = new Tally();
    await forEachSeed("test/migration/v1/unwritten-pages.spec.ts", seeds, async (seed) => {
      const damaged = damagedFreelist(image, trunks, new SeededRandom(seed));
      const list = freelistOf(damaged);
      const leaves = new Set(list?.leaves);
      seen.add(list === undefined ? "damaged" : "whole");
      const unwritten = new UnwrittenPages(new MemorySource(damaged));
      for (const index of every) {
        const isFree = (await unwritten.firstLost([index])) === undefined;
        if (isFree !== leaves.has(index + 1)) {
          expect.fail(`page ${index + 1} of a list that is ${list === undefined ? "damaged" : "whole"}`);
        }
      }
    });
    if (seeds >= 300) {
      expect(
        [seen.of("damaged"), seen.of("whole")].every((times) => times > 0),
        seen.toString(),
      ).to.equal(true);
    }
  });
});

/** One number of the list, anywhere in it, made another that is likely to be one of its kind. */
function damagedFreelist(image: Uint8Array, trunks: readonly number[], random: SeededRandom): Uint8Array {
  const damaged = Buffer.from(image);
  const trunkAt = (random.pick(trunks) - 1) * PAGE;
  const at = random.pick([32, 36, trunkAt, trunkAt + 4, trunkAt + 8 + 4 * random.below(200)]);
  const old = damaged.readUInt32BE(at);
  const pageCount = image.length / PAGE;
  damaged.writeUInt32BE(
    random.pick([old, old + 1, 0, random.below(pageCount + 2), random.pick(trunks), 0xffff_fff0]),
    at,
  );
  return Uint8Array.from(damaged);
}

describe("a file with rows that are not v1's among its chunks", () => {
  it("is refused for a chunk that they hide, though it need not be there", async () => {
    // Page 2 is the trunk, page 3 its leaf; a reading of both ends after eight rows.
    const image = Buffer.from(syntheticImage(3, "zeros"));
    [2, 2].forEach((number, index) => image.writeUInt32BE(number, 32 + 4 * index));
    [0, 1, 3].forEach((number, index) => image.writeUInt32BE(number, PAGE + 4 * index));
    const file = { size: image.length, signal: new AbortController().signal };
    const unwritten = new UnwrittenPages(new MemorySource(image));
    const strays = [0, 1, 2].map((byte) => entryRows(ACTOR, bytesOf(fileChunkK(TAG.main, 1), byte), new Uint8Array(1)));
    for (const hidden of [false, true]) {
      const store = new MemoryStore();
      store.load(v1Rows(ACTOR, image));
      store.load(strays.slice(0, hidden ? 3 : 0).flat());
      const reading = new V1FileSource(store, ACTOR.id, FILE_TAG.main, { ...file, unwritten }).read(PAGE, 2 * PAGE);
      const code = await reading.then(() => "read", codeOf);
      expect(code).to.equal(hidden ? "chunk_missing" : "read");
    }
  });
});

function codeOf(error: unknown): string {
  return formatErrorCode(() => {
    throw error;
  });
}

describe("a file over 1 GiB", () => {
  const size = (LOCK_BYTE_CHUNK + 2) * PAGE;
  const store = new MemoryStore();
  store.load(
    [LOCK_BYTE_CHUNK - 1, LOCK_BYTE_CHUNK + 1].flatMap((index) =>
      entryRows(ACTOR, fileChunkK(TAG.main, index), new Uint8Array(PAGE).fill(index & 0xff)),
    ),
  );
  const file = { size, signal: new AbortController().signal };
  const strict = new V1FileSource(store, ACTOR.id, FILE_TAG.main, file);

  it("has zeros for the page of SQLite's locks", async () => {
    const lenient = new V1FileSource(store, ACTOR.id, FILE_TAG.main, {
      ...file,
      unwritten: new UnwrittenPages(strict),
    });
    const bytes = await lenient.read((LOCK_BYTE_CHUNK - 1) * PAGE, 3 * PAGE);
    expect([0, 1, 2].map((page) => new Set(bytes.subarray(page * PAGE, (page + 1) * PAGE)))).to.deep.equal(
      [0xff, 0, 1].map((byte) => new Set([byte])),
    );
  });

  it("is refused for any other page that is missing, and for this one where nothing may be", async () => {
    const lenient = new V1FileSource(store, ACTOR.id, FILE_TAG.main, {
      ...file,
      unwritten: new UnwrittenPages(strict),
    });
    for (const reading of [
      lenient.read((LOCK_BYTE_CHUNK - 2) * PAGE, 2 * PAGE),
      strict.read(LOCK_BYTE_CHUNK * PAGE, PAGE),
    ]) {
      expect(await reading.then(() => "read", codeOf)).to.equal("chunk_missing");
    }
  });
});
