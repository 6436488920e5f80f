import { createHash } from "node:crypto";
import { decompressPage } from "../formats/page-codec.ts";
import type { PageMemory } from "./page-memory.ts";

/**
 * Consecutive pages of an image: the page number of the first, one-based as in SQLite, and the pages, 4,096 bytes each. Whoever is given
 * batches one after the other has the pages of one until it asks for the next, as their memory may be used again then; or, where it calls
 * `hold` before, until it releases them.
 */
export interface PageBatch {
  readonly firstPgno: number;
  readonly pages: readonly Uint8Array[];
  readonly hold?: () => HeldMemory;
}

/** The memory that pages lie in. */
export interface HeldMemory {
  readonly memory: PageMemory;
  /** The pages must not be read any more. Idempotent. */
  readonly release: () => void;
}

/** The same with the pages' LZ4 blocks, which are good for as long. */
export interface BlockBatch {
  readonly firstPgno: number;
  readonly blocks: readonly Uint8Array[];
}

/** The pages of blocks. @throws FormatError `ltx_invalid` */
export async function* inflated(batches: AsyncIterable<BlockBatch>): AsyncGenerator<PageBatch, void, undefined> {
  for await (const { firstPgno, blocks } of batches) {
    yield { firstPgno, pages: blocks.map(decompressPage) };
  }
}

/** SHA-256 of all pages in order, in hex: what an outcome says of its image. */
export async function digestOf(batches: AsyncIterable<PageBatch>): Promise<string> {
  const hash = createHash("sha256");
  for await (const { pages } of batches) {
    for (const page of pages) {
      hash.update(page);
    }
  }
  return hash.digest("hex");
}
