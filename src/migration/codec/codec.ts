import type { PageMemory } from "../page-memory.ts";

/**
 * One pass over the pages of one image, in order, for its digest and for what is between pages and blocks.
 *
 * Calls take effect in the order in which they are made, also where the earlier one has not resolved yet. What is handed in is read
 * before the call returns, so that its memory may be used again, but for pages that are handed in with their `PageMemory`.
 */
export interface ImagePass {
  /**
   * Hashes pages and gives their LZ4 blocks. Where the pages lie in `memory`, it is the codec's until the call resolves, and holds the
   * blocks instead of the pages from then on.
   */
  compress(pages: readonly Uint8Array[], memory?: PageMemory): Promise<BorrowedBlocks>;
  /** Hashes pages. */
  hash(pages: readonly Uint8Array[]): Promise<void>;
  /** Inflates blocks and hashes their pages. @throws FormatError `ltx_invalid` */
  inflate(blocks: readonly Uint8Array[]): Promise<void>;
  /** SHA-256 of all pages, in hex; the last call of a pass. */
  digest(): Promise<string>;
  /** Ends a pass that has come to its digest, or never will. Idempotent. */
  end(): void;
}

/** Blocks in memory that is used again. */
export interface BorrowedBlocks {
  readonly blocks: readonly Uint8Array[];
  /** Gives the codec's memory back: `blocks` must not be read any more. Idempotent. */
  readonly release: () => void;
}

/** Does the work on bytes that images need: LZ4 and SHA-256. */
export interface Codec {
  /** Begins a pass; whoever does ends it. */
  begin(): ImagePass;
}
