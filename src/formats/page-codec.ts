import { compressSync, uncompressSync } from "lz4-napi";
import { FormatError } from "./format-error.ts";
import { PAGE_BYTES } from "./sqlite-header.ts";

/* LZ4 blocks of one page. lz4-napi puts the size, u32 LE, before a block; v2 stores the bare block. */
const SIZE_BYTES = 4;

/** The LZ4 block of one 4,096-byte page. */
export function compressPage(page: Uint8Array): Uint8Array {
  const buffer = Buffer.from(page.buffer, page.byteOffset, page.byteLength);
  return compressSync(buffer).subarray(SIZE_BYTES);
}

/** @throws FormatError `ltx_invalid` unless the block inflates to exactly one page. */
export function decompressPage(block: Uint8Array): Uint8Array {
  const sized = Buffer.allocUnsafe(SIZE_BYTES + block.length);
  sized.writeUInt32LE(PAGE_BYTES, 0);
  sized.set(block, SIZE_BYTES);
  let page: Buffer;
  try {
    page = uncompressSync(sized);
  } catch (cause) {
    throw new FormatError("ltx_invalid", "A page's LZ4 block cannot be inflated.", { cause: String(cause) });
  }
  if (page.length !== PAGE_BYTES) {
    throw new FormatError("ltx_invalid", "A page's LZ4 block does not inflate to one page.", { bytes: page.length });
  }
  return page;
}
