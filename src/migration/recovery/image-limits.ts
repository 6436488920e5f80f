import type { ByteSource } from "./byte-source.ts";

/** The largest image recovery plans for unless told otherwise, in bytes: v2's quota. */
export const DEFAULT_MAX_IMAGE_BYTES = 10 * 2 ** 30;

const DEFAULT_PAGE_SIZE = 4096;

/** The page size SQLite opens a main file with, before anything is recovered: its header's if that is possible, else 4096. */
export async function initialPageSize(main: ByteSource): Promise<number> {
  return (await headerPageSize(main)) ?? DEFAULT_PAGE_SIZE;
}

/** The page size in a database's header (u16 big-endian at 16, 1 means 65,536), if it is one that SQLite allows. */
export async function headerPageSize(image: ByteSource): Promise<number | undefined> {
  if (image.size < 18) {
    return undefined;
  }
  const bytes = await image.read(16, 2);
  // SQLite shifts the second byte above the first, so that 00 01 is 65,536.
  const pageSize = ((bytes[0] ?? 0) << 8) | ((bytes[1] ?? 0) << 16);
  return pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0 ? pageSize : undefined;
}
