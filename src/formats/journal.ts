import { startsWith, viewOf } from "./bytes.ts";

/**
 * SQLite's rollback journal (https://www.sqlite.org/fileformat2.html#the_rollback_journal), all integers big-endian:
 *
 *   segment   header, padded with zeros to the sector size ‖ records; a journal is one or more segments, each at a sector boundary
 *   header    magic 8 ‖ record count u32 ‖ nonce u32 ‖ initial pages u32 ‖ sector size u32 ‖ page size u32         28 bytes
 *   record    page number u32 ‖ the page as it was ‖ checksum u32                                       page size + 8 bytes
 *   trailer   locking page u32 ‖ super-journal name ‖ its length u32 ‖ sum of its bytes u32 ‖ magic 8   only in multi-file commits
 *
 * Only the first header's sector and page size count. Bytes here, meaning in src/migration/recovery.
 */

const MAGIC = Uint8Array.of(0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7);

/** Bytes of a header that mean something; on disk it fills a whole sector. */
export const JOURNAL_HEADER_BYTES = 28;

/** A header's record count that stands for "as many as fit into the file", written with `synchronous=OFF`. */
export const RECORD_COUNT_FROM_SIZE = 0xffff_ffff;

/** Bytes of a record besides its page: page number before it, checksum behind it. */
export const RECORD_OVERHEAD_BYTES = 8;

/** Bytes of the trailer behind the super-journal's name: length, sum and magic. */
export const SUPER_TRAILER_BYTES = 16;

const MIN_PAGE_SIZE = 512;
const MIN_SECTOR_SIZE = 32;
const MAX_SIZE = 65_536;
const PENDING_BYTE = 0x4000_0000;
const CHECKSUM_STRIDE = 200;

/** A segment's header. Sizes in bytes; `pageSize` 0 is how SQLite before 3.5.8 said "that of the main file". */
export interface JournalHeader {
  /** Records in this segment, or `RECORD_COUNT_FROM_SIZE`. */
  readonly recordCount: number;
  /** Start value of every record's checksum. */
  readonly nonce: number;
  /** Pages of the main file when the transaction began. */
  readonly initialPages: number;
  readonly sectorSize: number;
  readonly pageSize: number;
}

/** A page record, not yet verified: compare `checksum` with `journalChecksum`. */
export interface JournalRecord {
  readonly pageNumber: number;
  readonly page: Uint8Array;
  readonly checksum: number;
}

/**
 * The first 28 bytes of a segment, whatever their sizes say, or `undefined` without the magic or with fewer bytes.
 * Bytes behind them are padding and are not looked at, as in SQLite.
 */
export function decodeJournalHeader(bytes: Uint8Array): JournalHeader | undefined {
  if (bytes.length < JOURNAL_HEADER_BYTES || !startsWith(bytes, MAGIC)) {
    return undefined;
  }
  const view = viewOf(bytes);
  return {
    recordCount: view.getUint32(8),
    nonce: view.getUint32(12),
    initialPages: view.getUint32(16),
    sectorSize: view.getUint32(20),
    pageSize: view.getUint32(24),
  };
}

/** Whether SQLite accepts a first header's sector and page size: powers of two from 32 and 512 up to 65,536. */
export function hasValidSizes(header: Pick<JournalHeader, "sectorSize" | "pageSize">): boolean {
  return isPowerOfTwo(header.sectorSize, MIN_SECTOR_SIZE) && isPowerOfTwo(header.pageSize, MIN_PAGE_SIZE);
}

/** A header, padded with zeros to its sector size (28 bytes when that is smaller). */
export function encodeJournalHeader(header: JournalHeader): Uint8Array {
  const bytes = new Uint8Array(Math.max(header.sectorSize, JOURNAL_HEADER_BYTES));
  const view = viewOf(bytes);
  bytes.set(MAGIC, 0);
  view.setUint32(8, header.recordCount);
  view.setUint32(12, header.nonce);
  view.setUint32(16, header.initialPages);
  view.setUint32(20, header.sectorSize);
  view.setUint32(24, header.pageSize);
  return bytes;
}

/** A record out of exactly page size + 8 bytes; its page is a view, not a copy. `undefined` for any other length. */
export function decodeJournalRecord(bytes: Uint8Array, pageSize: number): JournalRecord | undefined {
  if (bytes.length !== pageSize + RECORD_OVERHEAD_BYTES) {
    return undefined;
  }
  const view = viewOf(bytes);
  return {
    pageNumber: view.getUint32(0),
    page: bytes.subarray(4, 4 + pageSize),
    checksum: view.getUint32(4 + pageSize),
  };
}

/** A record with the checksum that the nonce gives it. */
export function encodeJournalRecord(pageNumber: number, page: Uint8Array, nonce: number): Uint8Array {
  const bytes = new Uint8Array(page.length + RECORD_OVERHEAD_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, pageNumber);
  bytes.set(page, 4);
  view.setUint32(4 + page.length, journalChecksum(nonce, page));
  return bytes;
}

/** The nonce plus every 200th byte of the page, counted from 200 before its end, modulo 2^32. */
export function journalChecksum(nonce: number, page: Uint8Array): number {
  let sum = nonce;
  for (let index = page.length - CHECKSUM_STRIDE; index > 0; index -= CHECKSUM_STRIDE) {
    sum = (sum + (page[index] ?? 0)) >>> 0;
  }
  return sum;
}

/** The page that holds byte 2^30, where SQLite's file locks live: it never carries data and marks the super-journal's trailer. */
export function lockingPage(pageSize: number): number {
  return PENDING_BYTE / pageSize + 1;
}

/**
 * The super-journal's name out of the last bytes of a journal, as SQLite reads it: absent when length, sum or magic are wrong, when it
 * is longer than `maxNameBytes`, or empty; cut at its first zero byte. `tail` needs at most `maxNameBytes` + 16 bytes.
 */
export function decodeSuperJournalName(tail: Uint8Array, maxNameBytes: number): string | undefined {
  const trailerAt = tail.length - SUPER_TRAILER_BYTES;
  if (trailerAt < 0 || !startsWith(tail.subarray(trailerAt + 8), MAGIC)) {
    return undefined;
  }
  const view = viewOf(tail);
  const length = view.getUint32(trailerAt);
  if (length === 0 || length > maxNameBytes || length > trailerAt) {
    return undefined;
  }
  const name = tail.subarray(trailerAt - length, trailerAt);
  if (sumOfSignedBytes(name) !== view.getUint32(trailerAt + 4)) {
    return undefined;
  }
  const end = name.indexOf(0);
  return end === 0 ? undefined : new TextDecoder().decode(end < 0 ? name : name.subarray(0, end));
}

/** The trailer that names a super-journal, to be put behind the last record. */
export function encodeSuperJournalTrailer(name: string, pageSize: number): Uint8Array {
  const nameBytes = new TextEncoder().encode(name);
  const bytes = new Uint8Array(4 + nameBytes.length + SUPER_TRAILER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, lockingPage(pageSize));
  bytes.set(nameBytes, 4);
  view.setUint32(4 + nameBytes.length, nameBytes.length);
  view.setUint32(8 + nameBytes.length, sumOfSignedBytes(nameBytes));
  bytes.set(MAGIC, 12 + nameBytes.length);
  return bytes;
}

/** C's `char` is signed where SQLite is commonly built, so bytes from 0x80 up count as negative. */
function sumOfSignedBytes(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum += byte < 0x80 ? byte : byte - 0x100;
  }
  return sum >>> 0;
}

function isPowerOfTwo(value: number, minimum: number): boolean {
  return value >= minimum && value <= MAX_SIZE && (value & (value - 1)) === 0;
}
