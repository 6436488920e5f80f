import { decodeLtx, type LtxHeader } from "../../src/formats/ltx.ts";
import { decompressPage } from "../../src/formats/page-codec.ts";

/** A blob's header and pages, by Ferry's codecs. */
export function ltxPages(blob: Uint8Array): { header: LtxHeader; pages: { pgno: number; page: Uint8Array }[] } {
  const { header, blocks } = decodeLtx(blob);
  return { header, pages: blocks.map(({ pgno, block }) => ({ pgno, page: decompressPage(block) })) };
}
