import { ASCII, startsWith, toHex, viewOf } from "./bytes.ts";
import { FormatError } from "./format-error.ts";

/*
 * The start of a SQLite database file, https://www.sqlite.org/fileformat2.html §1.3.
 *
 *   0   "SQLite format 3\0"
 *   16  page size u16 BE, 1 means 65,536
 */

/** The only page size v1 wrote and v2 supports. */
export const PAGE_BYTES = 4096;
const MAGIC = ASCII.encode("SQLite format 3\0");
const NEEDED_BYTES = 18;

/** What the header says, as far as a migration depends on it. */
export interface SqliteHeader {
  readonly pageBytes: number;
}

/**
 * Reads the header at the start of an image, in the order of FORMATS §3.
 * @throws FormatError `header_too_small`, `magic_mismatch`, `page_size_invalid`.
 */
export function decodeSqliteHeader(bytes: Uint8Array): SqliteHeader {
  if (bytes.length < NEEDED_BYTES) {
    throw new FormatError("header_too_small", "The file is too short to hold a SQLite header.", {
      bytes: bytes.length,
    });
  }
  if (!startsWith(bytes, MAGIC)) {
    throw new FormatError("magic_mismatch", "The file does not start with SQLite's magic string.", {
      found: toHex(bytes.subarray(0, 16)),
    });
  }
  const stored = viewOf(bytes).getUint16(16);
  const pageBytes = stored === 1 ? 65_536 : stored;
  if (pageBytes < 512 || (pageBytes & (pageBytes - 1)) !== 0) {
    throw new FormatError("page_size_invalid", "The header's page size is not a power of two from 512 to 65,536.", {
      stored,
    });
  }
  return { pageBytes };
}

/**
 * What makes an image one that v2 can hold: a SQLite header, 4,096-byte pages, whole pages. Size 0 is a valid, empty database.
 * @param start the image's first bytes, at least 18 where it has them.
 * @throws FormatError as `decodeSqliteHeader`, and `page_size_unsupported`, `size_not_page_aligned`.
 */
export function assertSqliteImage(start: Uint8Array, imageBytes: number): void {
  if (imageBytes === 0) {
    return;
  }
  const { pageBytes } = decodeSqliteHeader(start);
  if (pageBytes !== PAGE_BYTES) {
    throw new FormatError(
      "page_size_unsupported",
      "The database has pages of a size that v2 storage does not support.",
      { pageBytes },
    );
  }
  if (imageBytes % pageBytes !== 0) {
    throw new FormatError("size_not_page_aligned", "The file's size is not a whole number of pages.", {
      imageBytes,
      pageBytes,
    });
  }
}
