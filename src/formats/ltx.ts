import { ASCII, equalBytes, newBytes, startsWith, viewOf } from "./bytes.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import { FormatError } from "./format-error.ts";
import { MOST_BLOCK_BYTES } from "./page-codec.ts";
import { PAGE_BYTES } from "./sqlite-header.ts";

/*
 * LTX version 3 blobs, FORMATS §4; all integers big-endian.
 *
 *   header, 100 bytes   "LTX1" | flags u32 = 2 | page size u32 | commit u32 | min txid u64 | max txid u64 | timestamp ms i64 | 60 zeros
 *   frame per page      pgno u32 | flags u16 = 1 | block length u32 | LZ4 block          pgno strictly rising from 1
 *   end of frames       6 zeros
 *   page index          per frame uvarint pgno, uvarint offset, uvarint frame length; uvarint 0
 *   footer              page index length u64 | 16 zeros
 */

export const LTX_HEADER_BYTES = 100;
const FRAME_HEADER_BYTES = 10;
const FRAMES_END_BYTES = 6;
const FOOTER_BYTES = 24;
const MAGIC = ASCII.encode("LTX1");
const FLAG_NO_CHECKSUM = 2;
const FRAME_FLAG = 1;
/** Room for the page index at first: of a small actor's image, and little enough for V8 to keep the array among its objects. */
const INDEX_BYTES = 64;

export interface LtxHeader {
  /** Size of the database in pages once this blob is applied. */
  readonly commitPages: number;
  readonly txid: bigint;
  readonly timestampMs: bigint;
}

/** A page as a blob holds it: its LZ4 block (page-codec.ts), which nobody has looked into. */
export interface LtxBlock {
  readonly pgno: number;
  readonly block: Uint8Array;
}

export function encodeLtxHeader(header: LtxHeader): Uint8Array {
  const bytes = newBytes(LTX_HEADER_BYTES);
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint32(4, FLAG_NO_CHECKSUM);
  view.setUint32(8, PAGE_BYTES);
  view.setUint32(12, header.commitPages);
  view.setBigUint64(16, header.txid);
  view.setBigUint64(24, header.txid);
  view.setBigInt64(32, header.timestampMs);
  return bytes;
}

/** @throws FormatError `ltx_invalid`, `ltx_truncated` */
export function decodeLtxHeader(bytes: Uint8Array): LtxHeader {
  if (bytes.length < LTX_HEADER_BYTES) {
    throw truncated("An LTX blob is shorter than its header.", { bytes: bytes.length });
  }
  const view = viewOf(bytes);
  const txid = view.getBigUint64(16);
  const zeros = bytes.subarray(40, LTX_HEADER_BYTES).every((byte) => byte === 0);
  if (
    !startsWith(bytes, MAGIC) ||
    view.getUint32(4) !== FLAG_NO_CHECKSUM ||
    view.getUint32(8) !== PAGE_BYTES ||
    view.getBigUint64(24) !== txid ||
    !zeros
  ) {
    throw invalid("An LTX blob's header has a wrong magic, flags, page size or txid, or bytes where zeros belong.");
  }
  return { commitPages: view.getUint32(12), txid, timestampMs: view.getBigInt64(32) };
}

/**
 * Writes one blob piece by piece: `add` blocks in page order, `finish`, and `take` the bytes so far at any time,
 * so that a blob of any size needs the memory of one piece and of its page index (about 10 bytes a page).
 */
export class LtxEncoder {
  readonly #out: ByteBuffer;
  readonly #index = new ByteBuffer(INDEX_BYTES);
  #offset = LTX_HEADER_BYTES;
  #lastPgno = 0;

  /** `out`: what the blob is put together in; an empty one can be handed on from blob to blob. */
  constructor(header: LtxHeader, out = new ByteBuffer()) {
    this.#out = out;
    this.#out.append(encodeLtxHeader(header));
  }

  /** Bytes waiting for `take`. */
  get pendingBytes(): number {
    return this.#out.length;
  }

  /** Copies the block. @throws FormatError `ltx_invalid` when pages do not rise. */
  add(pgno: number, block: Uint8Array): void {
    if (pgno <= this.#lastPgno) {
      throw invalid("Pages go into an LTX blob in rising order from 1.", { pgno, last: this.#lastPgno });
    }
    this.#out.appendU32(pgno);
    this.#out.appendU16(FRAME_FLAG);
    this.#out.appendU32(block.length);
    this.#out.append(block);
    const frameBytes = FRAME_HEADER_BYTES + block.length;
    appendIndexEntry(this.#index, pgno, this.#offset, frameBytes);
    this.#offset += frameBytes;
    this.#lastPgno = pgno;
  }

  /** Ends the blob: end of frames, page index, footer. */
  finish(): void {
    this.#index.appendUvarint(0);
    const footer = new Uint8Array(FOOTER_BYTES);
    viewOf(footer).setBigUint64(0, BigInt(this.#index.length));
    this.#out.append(new Uint8Array(FRAMES_END_BYTES));
    this.#out.append(this.#index.peek());
    this.#out.append(footer);
  }

  /** Hands all bytes that wait to `copy`, as a view that is good for as long as it runs, and drops them. */
  takeInto(copy: (bytes: Uint8Array) => Uint8Array): Uint8Array {
    const copied = copy(this.#out.peek());
    this.#out.drop(copied.length);
    return copied;
  }

  /** The next bytes of the blob, at most `maxBytes` of those that wait. */
  take(maxBytes = this.#out.length): Uint8Array {
    return this.#out.take(maxBytes);
  }
}

/** A whole blob at once. */
export function encodeLtx(header: LtxHeader, blocks: readonly LtxBlock[]): Uint8Array {
  const expectedBytes = blocks.reduce((sum, { block }) => sum + block.length + FRAME_HEADER_BYTES, LTX_HEADER_BYTES);
  const encoder = new LtxEncoder(header, new ByteBuffer(expectedBytes));
  for (const { pgno, block } of blocks) {
    encoder.add(pgno, block);
  }
  encoder.finish();
  return encoder.take();
}

/**
 * Reads one blob piece by piece: `push` bytes and get the blocks they complete, then `end`, which refuses a blob that is cut,
 * goes on, or whose page index is not the one its frames give.
 * @throws FormatError `ltx_invalid` from every method; `ltx_truncated` from `end` where the blob just stops.
 */
export class LtxDecoder {
  /** Empty at first: a blob that is read whole needs none. */
  readonly #pending = new ByteBuffer();
  readonly #index = new ByteBuffer(INDEX_BYTES);
  #header: LtxHeader | undefined;
  #offset = 0;
  #lastPgno = 0;
  #framesEnded = false;

  /** The header, once enough bytes were pushed. */
  get header(): LtxHeader | undefined {
    return this.#header;
  }

  push(bytes: Uint8Array): LtxBlock[] {
    this.#pending.append(bytes);
    const { blocks, used } = this.#read(this.#pending.peek());
    // Copies: what waits here moves with the next push.
    const copies = blocks.map(({ pgno, block }) => ({ pgno, block: block.slice() }));
    this.#pending.drop(used);
    return copies;
  }

  end(): void {
    this.#end(this.#pending.peek());
  }

  /** Reads a blob that is all there, instead of `push` and `end`. The blocks are views of it. */
  readWhole(bytes: Uint8Array): LtxBlock[] {
    const { blocks, used } = this.#read(bytes);
    this.#end(bytes.subarray(used));
    return blocks;
  }

  /** The blocks that lie whole in `available`, and how many of its bytes are read for good. */
  #read(available: Uint8Array): { blocks: LtxBlock[]; used: number } {
    const blocks: LtxBlock[] = [];
    let used = 0;
    if (this.#header === undefined) {
      if (available.length < LTX_HEADER_BYTES) {
        return { blocks, used };
      }
      this.#header = decodeLtxHeader(available);
      used = LTX_HEADER_BYTES;
    }
    const view = viewOf(available);
    while (!this.#framesEnded) {
      const frame = this.#readFrame(available, view, used);
      if (frame === undefined) {
        break;
      }
      used += frame.bytes;
      if (frame.block !== undefined) {
        blocks.push(frame.block);
      }
    }
    this.#offset += used;
    return { blocks, used };
  }

  #end(rest: Uint8Array): void {
    if (!this.#framesEnded) {
      throw truncated("An LTX blob ends before its frames do.");
    }
    this.#index.appendUvarint(0);
    if (rest.length < this.#index.length + FOOTER_BYTES) {
      throw truncated("An LTX blob ends before its page index and footer do.", { bytes: rest.length });
    }
    const index = rest.subarray(0, rest.length - FOOTER_BYTES);
    const footer = rest.subarray(index.length);
    if (viewOf(footer).getBigUint64(0) !== BigInt(index.length) || !footer.subarray(8).every((byte) => byte === 0)) {
      throw invalid("An LTX blob's footer is wrong.", { bytes: rest.length });
    }
    if (!equalBytes(index, this.#index.peek())) {
      throw invalid("An LTX blob's page index is not the one its frames give.");
    }
  }

  /** The frame at `at` of the bytes that wait, or undefined while it is not all there. */
  #readFrame(bytes: Uint8Array, view: DataView, at: number): { bytes: number; block?: LtxBlock } | undefined {
    if (bytes.length - at < FRAMES_END_BYTES) {
      return undefined;
    }
    const pgno = view.getUint32(at);
    const flags = view.getUint16(at + 4);
    if (pgno === 0 && flags === 0) {
      this.#framesEnded = true;
      return { bytes: FRAMES_END_BYTES };
    }
    if (pgno <= this.#lastPgno || flags !== FRAME_FLAG) {
      throw invalid("An LTX frame's page number does not rise, or its flags are unknown.", { pgno, flags });
    }
    if (bytes.length - at < FRAME_HEADER_BYTES) {
      return undefined;
    }
    const blockBytes = view.getUint32(at + 6);
    if (blockBytes > MOST_BLOCK_BYTES) {
      throw invalid("An LTX frame is longer than a page can need.", { pgno, blockBytes });
    }
    const frameBytes = FRAME_HEADER_BYTES + blockBytes;
    if (bytes.length - at < frameBytes) {
      return undefined;
    }
    const block = bytes.subarray(at + FRAME_HEADER_BYTES, at + frameBytes);
    appendIndexEntry(this.#index, pgno, this.#offset + at, frameBytes);
    this.#lastPgno = pgno;
    return { bytes: frameBytes, block: { pgno, block } };
  }
}

/** A whole blob at once; the blocks are views of it. @throws FormatError `ltx_invalid`, `ltx_truncated` */
export function decodeLtx(bytes: Uint8Array): { header: LtxHeader; blocks: LtxBlock[] } {
  const decoder = new LtxDecoder();
  const blocks = decoder.readWhole(bytes);
  if (decoder.header === undefined) {
    throw truncated("An LTX blob is shorter than its header.");
  }
  return { header: decoder.header, blocks };
}

function appendIndexEntry(index: ByteBuffer, pgno: number, offset: number, frameBytes: number): void {
  index.appendUvarint(pgno);
  index.appendUvarint(offset);
  index.appendUvarint(frameBytes);
}

function truncated(message: string, details?: Record<string, unknown>): FormatError {
  return new FormatError("ltx_truncated", message, details);
}

function invalid(message: string, details?: Record<string, unknown>): FormatError {
  return new FormatError("ltx_invalid", message, details);
}
