import { expect } from "chai";
import fc from "fast-check";
import { uncompressSync } from "lz4-napi";
import * as lz4 from "lz4-wasm-nodejs";
import { compressPage, decompressPage, withCompressedPage, withInflatedPage } from "../../src/formats/page-codec.ts";
import {
  anyBytes,
  asPooledBuffer,
  bitFlips,
  formatErrorCode,
  holds,
  prefixes,
} from "../support/reference-properties.ts";
import { inflateBlock } from "../support/reference.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { PAGE, syntheticImage } from "../support/v1-actors.ts";

const ZEROS = new Uint8Array(PAGE);
const TEXT = syntheticImage(2, "text").slice(PAGE);
const RANDOM = new SeededRandom(5).bytes(PAGE);
/** A page of literals only, as the golden vectors have them. */
const LITERALS = Uint8Array.from([0xf0, ...new Array<number>(16).fill(255), 1, ...RANDOM]);

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function raise(): never {
  throw new Error("raised");
}

/** Memory that the codec's WebAssembly has come to. */
function wasmMemoryBytes(): number {
  const { __wasm } = lz4 as unknown as { readonly __wasm: { readonly memory: { readonly buffer: ArrayBuffer } } };
  return __wasm.memory.buffer.byteLength;
}

/** The page a block holds, or undefined when it is refused with the right code. */
function inflated(block: Uint8Array): Uint8Array | undefined {
  try {
    return decompressPage(block);
  } catch (error) {
    expect(
      formatErrorCode(() => {
        throw error;
      }),
    ).to.equal("ltx_invalid");
    return undefined;
  }
}

/** What a native build of the engine's own library makes of a block: a page, or nothing. */
function inflatedNatively(block: Uint8Array): Uint8Array | undefined {
  const sized = Buffer.alloc(4 + block.length);
  sized.writeUInt32LE(PAGE);
  sized.set(block, 4);
  try {
    const page = uncompressSync(sized);
    return page.length === PAGE ? page : undefined;
  } catch {
    return undefined;
  }
}

describe("a page's LZ4 block", () => {
  it("inflates to the page, also by an independent decoder", () => {
    for (const page of [ZEROS, TEXT, RANDOM]) {
      expect(same(decompressPage(compressPage(page)), page)).to.equal(true);
      expect(same(inflateBlock(compressPage(page)), page)).to.equal(true);
      expect(same(decompressPage(asPooledBuffer(compressPage(asPooledBuffer(page)))), page)).to.equal(true);
    }
  });

  it("is given as a view that is good until what it is given to returns", () => {
    for (const page of [ZEROS, TEXT, RANDOM]) {
      const block = withCompressedPage(page, (view) => view.slice());
      expect(same(block, compressPage(page))).to.equal(true);
      expect(
        same(
          withInflatedPage(block, (view) => view.slice()),
          page,
        ),
      ).to.equal(true);
    }
  });

  it("gives its memory back also where what it is given to throws", () => {
    const block = compressPage(TEXT);
    const before = wasmMemoryBytes();
    for (let round = 0; round < 1_000; round += 1) {
      expect(() => withCompressedPage(TEXT, raise)).to.throw("raised");
      expect(() => withInflatedPage(block, raise)).to.throw("raised");
    }
    expect(wasmMemoryBytes() - before).to.be.below(2 ** 20);
  });

  it("may hold literals only", () => {
    expect(same(decompressPage(LITERALS), RANDOM)).to.equal(true);
    expect(same(inflateBlock(LITERALS), RANDOM)).to.equal(true);
  });

  it("is small where the page repeats itself and never much longer than the page", () => {
    expect(compressPage(ZEROS).length).to.be.below(40);
    expect(compressPage(RANDOM).length).to.be.within(PAGE, PAGE + 32);
  });

  it("round-trips pages of any mixture of runs and noise", () => {
    holds(
      fc.property(fc.array(fc.tuple(anyBytes(40, 1), fc.integer({ min: 1, max: 300 })), { minLength: 1 }), (parts) => {
        const page = Buffer.alloc(PAGE);
        let at = 0;
        for (const [bytes, times] of parts) {
          for (let time = 0; time < times && at < PAGE; time += 1) {
            at += page.fill(bytes, at, Math.min(at + bytes.length, PAGE)).length === 0 ? 0 : bytes.length;
          }
        }
        const block = compressPage(page);
        expect(same(decompressPage(block), page)).to.equal(true);
        expect(same(inflateBlock(block), page)).to.equal(true);
      }),
    );
  });

  it("is refused at every cut", () => {
    for (const page of [ZEROS, TEXT]) {
      for (const prefix of prefixes(compressPage(page))) {
        expect(
          formatErrorCode(() => decompressPage(prefix)),
          String(prefix.length),
        ).to.equal("ltx_invalid");
      }
    }
    for (let length = 0; length < LITERALS.length; length += 37) {
      expect(formatErrorCode(() => decompressPage(LITERALS.subarray(0, length)))).to.equal("ltx_invalid");
    }
  });

  it("is refused when it goes on past a page", () => {
    const twice = Buffer.concat([LITERALS, LITERALS]);
    expect(formatErrorCode(() => decompressPage(twice))).to.equal("ltx_invalid");
    expect(
      formatErrorCode(() => decompressPage(Uint8Array.of(0x1f, 0, 1, 0, ...new Array<number>(64).fill(255), 0, 0))),
    ).to.equal("ltx_invalid");
  });

  it("with any bit flipped is refused or a whole page, and the same one the independent decoder sees", () => {
    for (const page of [ZEROS, TEXT]) {
      for (const { flipped, bit } of bitFlips(compressPage(page))) {
        const result = inflated(flipped);
        if (result !== undefined) {
          expect(result.length).to.equal(PAGE);
          expect(same(inflateBlock(flipped), result), String(bit)).to.equal(true);
        }
      }
    }
  });

  it("with any few bits flipped is taken or refused as by the engine's own library", () => {
    const blocks = [ZEROS, TEXT, RANDOM, Buffer.alloc(PAGE, "some of it again ")].map(compressPage);
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
    holds(
      fc.property(fc.constantFrom(...blocks), flips, (block, changes) => {
        const changed = Uint8Array.from(block);
        for (const [at, mask] of changes) {
          changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ mask;
        }
        const native = inflatedNatively(changed);
        const own = inflated(changed);
        expect(own === undefined).to.equal(native === undefined);
        expect(own === undefined || native === undefined || same(own, native)).to.equal(true);
      }),
      5_000,
    );
  });

  it("with a match that begins before the page, or nowhere, is refused", () => {
    const match = (offset: number): Uint8Array =>
      Uint8Array.from([0x1f, 9, offset, 0, ...new Array<number>(15).fill(255), 246, 0x50, 1, 2, 3, 4, 5]);
    expect(
      decompressPage(match(1))
        .subarray(0, 4090)
        .every((byte) => byte === 9),
    ).to.equal(true);
    expect(formatErrorCode(() => decompressPage(match(0)))).to.equal("ltx_invalid");
    expect(formatErrorCode(() => decompressPage(match(2)))).to.equal("ltx_invalid");
  });

  it("of any bytes is refused or a whole page", () => {
    holds(
      fc.property(anyBytes(200), (block) => {
        expect(inflated(block)?.length ?? PAGE).to.equal(PAGE);
      }),
      2000,
    );
  });
});
