import { expect } from "chai";
import fc from "fast-check";
import { concatBytes, toHex, viewOf } from "../../src/formats/bytes.ts";
import {
  decodeLtx,
  decodeLtxHeader,
  encodeLtx,
  encodeLtxHeader,
  LTX_HEADER_BYTES,
  LtxDecoder,
  LtxEncoder,
  type LtxHeader,
} from "../../src/formats/ltx.ts";
import { compressPage, decompressPage } from "../../src/formats/page-codec.ts";
import { asPooledBuffer, bitFlips, formatErrorCode, holds, prefixes } from "../support/reference-properties.ts";
import { encodeReferenceLtx, referenceLtx } from "../support/reference.ts";
import { PAGE, syntheticImage } from "../support/v1-actors.ts";
import { hex } from "./vectors.ts";

const HEADER: LtxHeader = { commitPages: 66, txid: 1n, timestampMs: 1_713_456_789_000n };
/** The golden actor's header, from the vectors. */
const GOLDEN_HEADER = `4c545831000000020000100000000042000000000000000100000000000000010000018ef1fbb608${"00".repeat(60)}`;

function pageOf(pgno: number): Uint8Array {
  return syntheticImage(2, "text", pgno & 0xffff).slice(PAGE);
}

function blobOf(...pgnos: number[]): Uint8Array {
  return encodeLtx(
    HEADER,
    pgnos.map((pgno) => ({ pgno, block: compressPage(pageOf(pgno)) })),
  );
}

describe("an LTX header", () => {
  it("is the golden one both ways", () => {
    expect(toHex(encodeLtxHeader(HEADER))).to.equal(GOLDEN_HEADER);
    expect(decodeLtxHeader(asPooledBuffer(hex(GOLDEN_HEADER)))).to.deep.equal(HEADER);
  });

  it("round-trips extremes", () => {
    for (const txid of [0n, 1n, 2n ** 64n - 1n]) {
      for (const timestampMs of [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
        for (const commitPages of [0, 1, 0xffffffff]) {
          const header = { commitPages, txid, timestampMs };
          expect(decodeLtxHeader(encodeLtxHeader(header))).to.deep.equal(header);
        }
      }
    }
  });

  it("refuses every cut", () => {
    for (const prefix of prefixes(encodeLtxHeader(HEADER))) {
      expect(formatErrorCode(() => decodeLtxHeader(prefix))).to.equal("ltx_truncated");
    }
  });

  it("refuses every flipped bit of what is fixed and of either txid", () => {
    for (const { flipped, bit } of bitFlips(encodeLtxHeader(HEADER))) {
      const at = bit >> 3;
      if ((at >= 12 && at < 16) || (at >= 32 && at < 40)) {
        expect(decodeLtxHeader(flipped)).not.to.deep.equal(HEADER);
      } else {
        expect(
          formatErrorCode(() => decodeLtxHeader(flipped)),
          String(bit),
        ).to.equal("ltx_invalid");
      }
    }
  });
});

describe("an LTX blob", () => {
  it("without pages is header, end, an index of one zero, and footer", () => {
    const blob = encodeLtx({ ...HEADER, commitPages: 0 }, []);
    expect(toHex(blob.subarray(LTX_HEADER_BYTES))).to.equal(`${"00".repeat(7)}0000000000000001${"00".repeat(16)}`);
    expect(decodeLtx(blob).blocks).to.deep.equal([]);
    expect(referenceLtx(blob).pages.size).to.equal(0);
  });

  it("is read alike by an independent decoder", () => {
    const blob = blobOf(1, 2, 64, 300, 0xffffffff);
    const { header, blocks } = decodeLtx(blob);
    const reference = referenceLtx(blob);
    expect(header).to.deep.equal(HEADER);
    expect({ commit: reference.commit, txid: reference.txid, timestampMs: reference.timestampMs }).to.deep.equal({
      commit: 66,
      txid: 1n,
      timestampMs: HEADER.timestampMs,
    });
    expect([...reference.pages.keys()]).to.deep.equal([1, 2, 64, 300, 0xffffffff]);
    for (const { pgno, block } of blocks) {
      const page = decompressPage(block);
      expect(Buffer.compare(page, pageOf(pgno))).to.equal(0);
      expect(Buffer.compare(page, reference.pages.get(pgno) ?? page.subarray(1))).to.equal(0);
    }
  });

  it("by an independent encoder, with literals only, is read", () => {
    const pages = new Map([1, 5, 6].map((pgno) => [pgno, pageOf(pgno)]));
    const blob = encodeReferenceLtx({ commit: 66, txid: 1n, timestampMs: HEADER.timestampMs }, pages);
    const decoded = decodeLtx(blob);
    expect(decoded.header).to.deep.equal(HEADER);
    expect(decoded.blocks.map(({ pgno }) => pgno)).to.deep.equal([1, 5, 6]);
    expect(
      decoded.blocks.every(({ pgno, block }) => Buffer.compare(decompressPage(block), pageOf(pgno)) === 0),
    ).to.equal(true);
  });

  it("is the same in pieces of any size, written and read", () => {
    const whole = blobOf(1, 2, 3, 70);
    holds(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 3000 }), (takeBytes, pushBytes) => {
        const encoder = new LtxEncoder(HEADER);
        const parts: Uint8Array[] = [];
        for (const pgno of [1, 2, 3, 70]) {
          encoder.add(pgno, compressPage(pageOf(pgno)));
          parts.push(encoder.take(takeBytes));
        }
        encoder.finish();
        while (encoder.pendingBytes > 0) {
          parts.push(encoder.take(takeBytes));
        }
        expect(parts.every((part) => part.length <= takeBytes)).to.equal(true);
        const blob = concatBytes(...parts);
        expect(Buffer.compare(blob, whole)).to.equal(0);
        const decoder = new LtxDecoder();
        const pgnos: number[] = [];
        for (let at = 0; at < blob.length; at += pushBytes) {
          pgnos.push(...decoder.push(blob.subarray(at, at + pushBytes)).map(({ pgno }) => pgno));
        }
        decoder.end();
        expect(pgnos).to.deep.equal([1, 2, 3, 70]);
      }),
      60,
    );
  });

  it("does not take pages that do not rise", () => {
    expect(formatErrorCode(() => blobOf(0))).to.equal("ltx_invalid");
    expect(formatErrorCode(() => blobOf(2, 2))).to.equal("ltx_invalid");
    expect(formatErrorCode(() => blobOf(2, 1))).to.equal("ltx_invalid");
  });

  it("is known to be cut at every cut", () => {
    for (const prefix of prefixes(blobOf(1, 2, 64))) {
      expect(
        formatErrorCode(() => decodeLtx(prefix)),
        String(prefix.length),
      ).to.equal("ltx_truncated");
    }
  });

  it("is refused when anything follows it", () => {
    const blob = blobOf(1, 2);
    expect(formatErrorCode(() => decodeLtx(concatBytes(blob, new Uint8Array(1))))).to.equal("ltx_invalid");
    expect(formatErrorCode(() => decodeLtx(concatBytes(blob, blob)))).to.equal("ltx_invalid");
  });

  it("with any bit flipped is refused, or differs in the commit, the timestamp or a block, which is not looked into", () => {
    const blob = blobOf(1, 2);
    const firstBlock = viewOf(blob).getUint32(106);
    const secondBlock = viewOf(blob).getUint32(110 + firstBlock + 6);
    const isBlock = (at: number): boolean =>
      (at >= 110 && at < 110 + firstBlock) || (at >= 120 + firstBlock && at < 120 + firstBlock + secondBlock);
    for (const { flipped, bit } of bitFlips(blob)) {
      let decoded: ReturnType<typeof decodeLtx>;
      try {
        decoded = decodeLtx(flipped);
      } catch (error) {
        expect(error).to.have.property("code").that.is.oneOf(["ltx_invalid", "ltx_truncated"]);
        continue;
      }
      const sameHeader = toHex(encodeLtxHeader(decoded.header)) === toHex(encodeLtxHeader(HEADER));
      expect(decoded.blocks.map(({ pgno }) => pgno)).to.deep.equal([1, 2]);
      expect(decoded.blocks.every(({ block }, index) => block.length === [firstBlock, secondBlock][index])).to.equal(
        true,
      );
      expect(isBlock(bit >> 3) || !sameHeader, `bit ${bit} is not noticed`).to.equal(true);
    }
  });

  it("refuses a frame longer than a page can need before it waits for it", () => {
    const frame = hex("00000001" + "0001" + "00ffffff");
    const decoder = new LtxDecoder();
    expect(formatErrorCode(() => decoder.push(concatBytes(encodeLtxHeader(HEADER), frame)))).to.equal("ltx_invalid");
  });

  it("refuses frame flags other than 1, and page 0 with flags", () => {
    for (const text of ["000000010000", "000000010002", "000000010101", "000000000001"]) {
      const decoder = new LtxDecoder();
      const start = concatBytes(encodeLtxHeader(HEADER), hex(text));
      expect(
        formatErrorCode(() => decoder.push(start)),
        text,
      ).to.equal("ltx_invalid");
    }
  });

  it("refuses a page index that does not fit its frames", () => {
    const blob = blobOf(1, 2);
    const index = blob.length - 24 - 1;
    for (const at of [index, index - 1, index - 3]) {
      const wrong = Uint8Array.from(blob);
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      expect(
        formatErrorCode(() => decodeLtx(wrong)),
        String(at),
      ).to.equal("ltx_invalid");
    }
  });

  it("gives blocks that later pushes do not touch", () => {
    const blob = blobOf(1, 2, 3);
    const decoder = new LtxDecoder();
    const first = decoder.push(blob.subarray(0, 400))[0]?.block;
    decoder.push(blob.subarray(400));
    expect(first === undefined ? 1 : Buffer.compare(decompressPage(first), pageOf(1))).to.equal(0);
  });
});
