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

/** Gives `use` the LZ4 block of one 4,096-byte page, at most `MOST_BLOCK_BYTES` long: a view that is good for as long as it runs. */
export function withCompressedPage<T>(page: Uint8Array, use: (block: Uint8Array) => T): T {
  return withLz4Compressed(page, (sized) => use(sized.subarray(LZ4_SIZE_BYTES)));
}

/** The LZ4 block of one page, in memory of its own. */
export function compressPage(page: Uint8Array): Uint8Array {
  return withCompressedPage(page, (block) => block.slice());
}

/** The page of a block, in memory of its own. @throws FormatError `ltx_invalid` unless it is exactly one page. */
export function decompressPage(block: Uint8Array): Uint8Array {
  return withInflatedPage(block, (page) => page.slice());
}

/**
 * Gives `use` the page of a block: a view that is good for as long as it runs.
 * @throws FormatError `ltx_invalid` unless it is exactly one page.
 */
export function withInflatedPage<T>(block: Uint8Array, use: (page: Uint8Array) => T): T {
  const bytes = lz4InflatedBytes(block, PAGE_BYTES);
  if (bytes === undefined) {
    throw new FormatError("ltx_invalid", "A page's LZ4 block cannot be inflated.", { bytes: block.length });
  }
  if (bytes !== PAGE_BYTES) {
    throw new FormatError("ltx_invalid", "A page's LZ4 block does not inflate to one page.", { bytes });
  }
  return withLz4Inflated(block, PAGE_BYTES, use);
}
