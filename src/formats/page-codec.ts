import { FormatError } from "./format-error.ts";
import { lz4InflatedBytes } from "./lz4-block.ts";
import { LZ4_SIZE_BYTES, withLz4Compressed, withLz4Inflated } from "./lz4-wasm.ts";
import { PAGE_BYTES } from "./sqlite-header.ts";

/*
 * LZ4 blocks of one page: v2 stores the bare block, without a size. They are made and inflated by lz4_flex, which the engine uses too, as
 * WebAssembly: it compresses all but very repetitive pages two to four times as fast as a native build, and neither way leaves garbage. As
 * it is built it would take blocks with a match that does not lie within the page, so blocks are looked through before.
 */

/** No LZ4 block of one page is longer: 4,096 literals and their length bytes, rounded up. */
export const MOST_BLOCK_BYTES = 4_200;

/** The LZ4 block of one 4,096-byte page. */
export function compressPage(page: Uint8Array): Uint8Array {
  return withLz4Compressed(page, (sized) => sized.slice(LZ4_SIZE_BYTES));
}

/** Writes the LZ4 block of a page into `target` at `offset`; returns the block's length, which is at most `MOST_BLOCK_BYTES`. */
export function compressPageInto(page: Uint8Array, target: Uint8Array, offset: number): number {
  return withLz4Compressed(page, (sized) => {
    target.set(sized.subarray(LZ4_SIZE_BYTES), offset);
    return sized.length - LZ4_SIZE_BYTES;
  });
}

/** @throws FormatError `ltx_invalid` unless the block inflates to exactly one page. */
export function decompressPage(block: Uint8Array): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  decompressPageInto(block, page, 0);
  return page;
}

/** Writes the page of a block into `target` at `offset`. @throws FormatError `ltx_invalid` unless it is exactly one page. */
export function decompressPageInto(block: Uint8Array, target: Uint8Array, offset: number): void {
  const bytes = lz4InflatedBytes(block, PAGE_BYTES);
  if (bytes === undefined) {
    throw new FormatError("ltx_invalid", "A page's LZ4 block cannot be inflated.", { bytes: block.length });
  }
  if (bytes !== PAGE_BYTES) {
    throw new FormatError("ltx_invalid", "A page's LZ4 block does not inflate to one page.", { bytes });
  }
  withLz4Inflated(block, PAGE_BYTES, (page) => {
    target.set(page, offset);
  });
}
