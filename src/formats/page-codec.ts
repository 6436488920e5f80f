import { uncompressSync } from "lz4-napi";
import { compress } from "lz4-wasm-nodejs";
import { FormatError } from "./format-error.ts";
import { PAGE_BYTES } from "./sqlite-header.ts";

/*
 * LZ4 blocks of one page. Both packages are lz4_flex and put the size, u32 LE, before a block; v2 stores the bare block. As WebAssembly it
 * compresses all but very repetitive pages two to four times as fast as the native one, but takes blocks with a match that does not lie
 * within the page, which the native one refuses: so that inflates.
 */
const SIZE_BYTES = 4;

/** Where a block gets its size in front: the codec is synchronous, and a block of one page is seldom longer. */
const scratch = Buffer.alloc(SIZE_BYTES + PAGE_BYTES + 64);

/** The LZ4 block of one 4,096-byte page. */
export function compressPage(page: Uint8Array): Uint8Array {
  return compress(page).subarray(SIZE_BYTES);
}

/** @throws FormatError `ltx_invalid` unless the block inflates to exactly one page. */
export function decompressPage(block: Uint8Array): Uint8Array {
  const sizedBytes = SIZE_BYTES + block.length;
  const sized = sizedBytes <= scratch.length ? scratch.subarray(0, sizedBytes) : Buffer.allocUnsafe(sizedBytes);
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
