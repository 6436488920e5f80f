import { viewOf } from "./bytes.ts";

/**
 * SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html#the_write_ahead_log), all integers big-endian:
 *
 *   header   magic u32 ‖ version u32 = 3,007,000 ‖ page size u32 ‖ checkpoint u32 ‖ salt 8 ‖ checksum 8           32 bytes
 *   frame    page number u32 ‖ pages after commit u32, 0 if no commit ‖ salt 8 ‖ checksum 8 ‖ page                24 bytes + page
 *
 * A checksum is two u32 that run on from the header's first 24 bytes over, of each frame, the first 8 bytes and the page. The magic's
 * lowest bit says in which byte order the words that go into it are read: 1 big, 0 little.
 */

const MAGIC = 0x377f_0682;

/** Bytes of the log's header. */
export const WAL_HEADER_BYTES = 32;

/** Bytes of a frame before its page. */
export const WAL_FRAME_HEADER_BYTES = 24;

/** The only version there has been. */
export const WAL_VERSION = 3_007_000;

const MIN_PAGE_SIZE = 512;
const MAX_PAGE_SIZE = 65_536;

/** The running checksum: two 32-bit words. */
export type WalChecksum = readonly [number, number];

/** The log's header. Sizes in bytes. */
export interface WalHeader {
  readonly bigEndianChecksums: boolean;
  readonly version: number;
  readonly pageSize: number;
  /** How often the log was started again. */
  readonly checkpointSequence: number;
  /** Repeated in every frame of this round of the log; frames of earlier rounds differ. */
  readonly salt: readonly [number, number];
}

/** A decoded header with the checksum that its frames continue from. */
export interface DecodedWalHeader {
  readonly header: WalHeader;
  readonly checksum: WalChecksum;
}

/** One page in the log, verified against everything before it. */
export interface WalFrame {
  readonly pageNumber: number;
  /** The database's size in pages if this frame commits a transaction, else 0. */
  readonly commitPages: number;
  readonly page: Uint8Array;
  readonly checksum: WalChecksum;
}

/**
 * A header out of the first 32 bytes: `undefined` when magic, page size or checksum are wrong or bytes are missing, which to SQLite is a
 * log without content. An unknown `version` is for the caller to refuse, as SQLite does.
 */
export function decodeWalHeader(bytes: Uint8Array): DecodedWalHeader | undefined {
  if (bytes.length < WAL_HEADER_BYTES) {
    return undefined;
  }
  const view = viewOf(bytes);
  const magic = view.getUint32(0);
  const pageSize = view.getUint32(8);
  if ((magic & ~1) >>> 0 !== MAGIC || !isPageSize(pageSize)) {
    return undefined;
  }
  const header: WalHeader = {
    bigEndianChecksums: (magic & 1) === 1,
    version: view.getUint32(4),
    pageSize,
    checkpointSequence: view.getUint32(12),
    salt: [view.getUint32(16), view.getUint32(20)],
  };
  const checksum = walChecksum([0, 0], bytes.subarray(0, 24), header.bigEndianChecksums);
  return checksum[0] === view.getUint32(24) && checksum[1] === view.getUint32(28) ? { header, checksum } : undefined;
}

/** A header with its checksum. */
export function encodeWalHeader(header: WalHeader): DecodedWalHeader & { readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(WAL_HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC + (header.bigEndianChecksums ? 1 : 0));
  view.setUint32(4, header.version);
  view.setUint32(8, header.pageSize);
  view.setUint32(12, header.checkpointSequence);
  view.setUint32(16, header.salt[0]);
  view.setUint32(20, header.salt[1]);
  const checksum = walChecksum([0, 0], bytes.subarray(0, 24), header.bigEndianChecksums);
  view.setUint32(24, checksum[0]);
  view.setUint32(28, checksum[1]);
  return { header, checksum, bytes };
}

/**
 * A frame out of exactly 24 bytes + page, given the checksum before it; its page is a view. `undefined` when length, salt, page number
 * or checksum are wrong: the log ends there.
 */
export function decodeWalFrame(bytes: Uint8Array, header: WalHeader, before: WalChecksum): WalFrame | undefined {
  if (bytes.length !== WAL_FRAME_HEADER_BYTES + header.pageSize) {
    return undefined;
  }
  const view = viewOf(bytes);
  const pageNumber = view.getUint32(0);
  if (pageNumber === 0 || view.getUint32(8) !== header.salt[0] || view.getUint32(12) !== header.salt[1]) {
    return undefined;
  }
  const page = bytes.subarray(WAL_FRAME_HEADER_BYTES);
  const checksum = frameChecksum(bytes.subarray(0, 8), page, header, before);
  return checksum[0] === view.getUint32(16) && checksum[1] === view.getUint32(20)
    ? { pageNumber, commitPages: view.getUint32(4), page, checksum }
    : undefined;
}

/** A frame that continues the checksum given. */
export function encodeWalFrame(
  frame: Pick<WalFrame, "pageNumber" | "commitPages" | "page">,
  header: WalHeader,
  before: WalChecksum,
): { readonly bytes: Uint8Array; readonly checksum: WalChecksum } {
  const bytes = new Uint8Array(WAL_FRAME_HEADER_BYTES + frame.page.length);
  const view = viewOf(bytes);
  view.setUint32(0, frame.pageNumber);
  view.setUint32(4, frame.commitPages);
  view.setUint32(8, header.salt[0]);
  view.setUint32(12, header.salt[1]);
  bytes.set(frame.page, WAL_FRAME_HEADER_BYTES);
  const checksum = frameChecksum(bytes.subarray(0, 8), frame.page, header, before);
  view.setUint32(16, checksum[0]);
  view.setUint32(20, checksum[1]);
  return { bytes, checksum };
}

function frameChecksum(start: Uint8Array, page: Uint8Array, header: WalHeader, before: WalChecksum): WalChecksum {
  return walChecksum(walChecksum(before, start, header.bigEndianChecksums), page, header.bigEndianChecksums);
}

/** Continues a checksum over bytes whose count is a multiple of 8. */
function walChecksum(before: WalChecksum, bytes: Uint8Array, bigEndian: boolean): WalChecksum {
  const view = viewOf(bytes);
  let [first, second] = before;
  for (let offset = 0; offset + 8 <= bytes.length; offset += 8) {
    first = (first + view.getUint32(offset, !bigEndian) + second) >>> 0;
    second = (second + view.getUint32(offset + 4, !bigEndian) + first) >>> 0;
  }
  return [first, second];
}

function isPageSize(value: number): boolean {
  return value >= MIN_PAGE_SIZE && value <= MAX_PAGE_SIZE && (value & (value - 1)) === 0;
}
