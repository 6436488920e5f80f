import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import { expect } from "chai";
import { compressPage, decompressPage } from "../../../src/formats/page-codec.ts";
import type { Codec } from "../../../src/migration/codec/codec.ts";
import { CodecError, CodecThread } from "../../../src/migration/codec/codec-thread.ts";
import { inlineCodec } from "../../../src/migration/codec/inline-codec.ts";
import { ThreadCodec } from "../../../src/migration/codec/thread-codec.ts";
import { PageMemory } from "../../../src/migration/page-memory.ts";
import { PAGE, syntheticImage } from "../../support/v1-actors.ts";

function pagesOf(image: Uint8Array): Uint8Array[] {
  return Array.from({ length: image.length / PAGE }, (_, index) => image.subarray(index * PAGE, (index + 1) * PAGE));
}

function sha256(image: Uint8Array): string {
  return createHash("sha256").update(image).digest("hex");
}

/** Random pages make the longest blocks, which have to fit in their pages' place. */
const RANDOM = syntheticImage(300, "random", 1);
const TEXT = syntheticImage(300, "text", 2);

describe("a codec", function () {
  this.timeout(60_000);
  const threaded = new ThreadCodec();
  after(() => threaded.close());

  const codecs: readonly [string, Codec][] = [
    ["on the caller's thread", inlineCodec],
    ["on a thread of its own", threaded],
  ];
  for (const [where, codec] of codecs) {
    describe(where, () => {
      it("gives the blocks of pages, and the digest of all, in whatever parts they come", async () => {
        for (const image of [RANDOM, TEXT]) {
          const pages = pagesOf(image);
          const pass = codec.begin();
          const blocks: Uint8Array[] = [];
          // 270 at once are more than what a codec keeps memory for.
          for (const [from, to] of [
            [0, 270],
            [270, 270],
            [270, 271],
            [271, 300],
          ] as const) {
            const borrowed = await pass.compress(pages.slice(from, to));
            blocks.push(...borrowed.blocks.map((block) => Uint8Array.from(block)));
            borrowed.release();
            borrowed.release();
          }
          expect(await pass.digest()).to.equal(sha256(image));
          pass.end();
          expect(Buffer.compare(Buffer.concat(blocks.map(decompressPage)), image)).to.equal(0);
        }
      });

      it("takes pages where they lie, and puts blocks there, or elsewhere if they are not all there", async () => {
        const memory = new PageMemory(300);
        for (const image of [RANDOM, TEXT, RANDOM]) {
          memory.clear();
          const pages = pagesOf(image).map((page) => {
            const room = memory.room() ?? expect.fail("there is no room");
            room.set(page);
            return room;
          });
          const pass = codec.begin();
          const elsewhere = await pass.compress(pages.slice(1), memory);
          const there = await pass.compress(pages, memory);
          expect(await pass.digest()).to.equal(sha256(Buffer.concat([image.subarray(PAGE), image])));
          pass.end();
          for (const [{ blocks, release }, expected] of [
            [elsewhere, image.subarray(PAGE)],
            [there, image],
          ] as const) {
            const inflated = blocks.map((block) => decompressPage(Uint8Array.from(block)));
            expect(Buffer.compare(Buffer.concat(inflated), expected)).to.equal(0);
            release();
          }
        }
      });

      it("hashes pages that are only passed on, and those of blocks", async () => {
        const pages = pagesOf(TEXT);
        const pass = codec.begin();
        await pass.hash(pages.slice(0, 100));
        (await pass.compress(pages.slice(100, 200))).release();
        await pass.inflate(pages.slice(200).map(compressPage));
        expect(await pass.digest()).to.equal(sha256(TEXT));
        pass.end();
      });

      it("takes calls in the order in which they are made, and keeps images apart", async () => {
        const passes = [RANDOM, TEXT].map((image) => ({ image, pass: codec.begin() }));
        const calls: Promise<unknown>[] = [];
        for (let first = 0; first < 300; first += 30) {
          for (const { image, pass } of passes) {
            const part = pagesOf(image).slice(first, first + 30);
            calls.push(first % 60 === 0 ? pass.hash(part) : pass.inflate(part.map(compressPage)));
          }
        }
        const digests = passes.map(({ pass }) => pass.digest());
        await Promise.all(calls);
        expect(await Promise.all(digests)).to.deep.equal([sha256(RANDOM), sha256(TEXT)]);
      });

      it("has the digest of nothing for no pages", async () => {
        expect(await codec.begin().digest()).to.equal(sha256(new Uint8Array(0)));
      });

      it("refuses a block that is none, and goes on with others", async () => {
        const broken = codec.begin();
        let error: unknown;
        await broken.inflate([compressPage(new Uint8Array(PAGE)), Uint8Array.of(1, 2, 3)]).catch((thrown: unknown) => {
          error = thrown;
        });
        expect(error).to.include({ name: "FormatError", code: "ltx_invalid" });
        broken.end();
        const sound = codec.begin();
        await sound.inflate([compressPage(new Uint8Array(PAGE))]);
        expect(await sound.digest()).to.equal(sha256(new Uint8Array(PAGE)));
      });
    });
  }

  it("leaves what it was given to its owner", async () => {
    const pages = pagesOf(Uint8Array.from(TEXT));
    (await threaded.begin().compress(pages)).release();
    expect(pages.every((page) => page.length === PAGE)).to.equal(true);
  });

  it("reads what it is given before the call returns", async () => {
    for (const codec of [threaded, inlineCodec]) {
      const pass = codec.begin();
      const lent = pagesOf(Uint8Array.from(TEXT));
      const blocks = pagesOf(TEXT).map(compressPage);
      const calls = [pass.compress(lent), pass.hash(lent), pass.inflate(blocks)];
      [...lent, ...blocks].forEach((bytes) => bytes.fill(0xdb));
      await Promise.all(calls);
      expect(await pass.digest()).to.equal(sha256(Buffer.concat([TEXT, TEXT, TEXT])));
      pass.end();
    }
  });

  it("whose thread has ended fails what is under way, and begins anew", async () => {
    const codec = new ThreadCodec();
    const pass = codec.begin();
    await pass.hash(pagesOf(TEXT));
    await codec.close();
    for (const call of [pass.hash([]), pass.digest()]) {
      expect(await call.catch((error: unknown) => error)).to.be.instanceOf(CodecError);
    }
    pass.end();
    const next = codec.begin();
    await next.hash(pagesOf(TEXT));
    expect(await next.digest()).to.equal(sha256(TEXT));
    await codec.close();
    await codec.close();
  });

  it("does not let blocks run into a page that is still to be hashed", async () => {
    const bytes = new SharedArrayBuffer(3 * PAGE);
    new Uint8Array(bytes).set(RANDOM.subarray(PAGE, 3 * PAGE));
    const thread = new CodecThread();
    const asked = thread.ask({ op: "compress", pass: 1, bytes, begin: 0, pages: 2 });
    expect(await asked.catch((thrown: unknown) => thrown)).to.include({ code: "codec_thread_failed" });
  });

  it("says why its thread died", async () => {
    const thread = new CodecThread(
      () => new Worker("process.nextTick(() => { throw new Error('no memory') })", { eval: true }),
    );
    const error = await thread.ask({ op: "digest", pass: 1 }).catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: "codec_thread_failed" });
    expect((error as CodecError).cause).to.have.property("message", "no memory");
    expect(thread.usable).to.equal(false);
  });
});
