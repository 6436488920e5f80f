import { createHash, type Hash } from "node:crypto";
import { compressPage, withInflatedPage } from "../../formats/page-codec.ts";
import type { BorrowedBlocks, Codec, ImagePass } from "./codec.ts";

/** The codec on the caller's own thread: for small images, to which a way to another thread and back is long, and for tests. */
export const inlineCodec: Codec = { begin: () => new InlinePass() };

/* eslint-disable @typescript-eslint/require-await -- what is thrown has to reject: the caller of another codec sees it no earlier */
class InlinePass implements ImagePass {
  readonly #hash: Hash = createHash("sha256");

  async compress(pages: readonly Uint8Array[]): Promise<BorrowedBlocks> {
    this.#update(pages);
    return { blocks: pages.map(compressPage), release: () => undefined };
  }

  async hash(pages: readonly Uint8Array[]): Promise<void> {
    this.#update(pages);
  }

  async inflate(blocks: readonly Uint8Array[]): Promise<void> {
    for (const block of blocks) {
      withInflatedPage(block, (page) => this.#hash.update(page));
    }
  }

  async digest(): Promise<string> {
    return this.#hash.digest("hex");
  }

  end(): void {
    // Nothing is held.
  }

  #update(pages: readonly Uint8Array[]): void {
    for (const page of pages) {
      this.#hash.update(page);
    }
  }
}
/* eslint-enable @typescript-eslint/require-await */
