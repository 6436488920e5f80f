import type { ActorId } from "../formats/actor-id.ts";
import { FormatError } from "../formats/format-error.ts";
import { compressPage, decompressPage } from "../formats/page-codec.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { MigrationContext } from "./context.ts";
import type { IntegrityMode, IntegrityResult } from "./integrity/integrity.ts";
import type { WithImage } from "./migrated-actor.ts";
import { PageStream } from "./page-stream.ts";
import { digestOf, inflated, type PageBatch } from "./pages.ts";
import type { ByteSource } from "./recovery/byte-source.ts";
import { storeRows, type ImageRows } from "./rows.ts";
import type { Target } from "./targets/target.ts";
import { UnwrittenPages } from "./v1/unwritten-pages.ts";

/** A page of zeros. */
const NEVER_WRITTEN = compressPage(new Uint8Array(PAGE_BYTES));

/**
 * The pages of the image that v2's readers see. A page that SQLite never wrote, once the engine writes the image, is in no row, and zeros:
 * docs/decisions/pages-that-sqlite-never-wrote.md. @throws FormatError as the target's `readBlocks`
 */
export function readV2Pages(
  { store, target }: Pick<MigrationContext, "store" | "target">,
  id: ActorId,
  pages: number,
  signal: AbortSignal,
): AsyncGenerator<PageBatch, void, undefined> {
  const rows = storeRows(store, signal);
  const unwritten = new UnwrittenPages(singlePages(target, rows, id, pages));
  const missing = async (pgno: number): Promise<Uint8Array | undefined> =>
    (await unwritten.firstLost([pgno - 1])) === undefined ? NEVER_WRITTEN : undefined;
  return inflated(target.readBlocks(rows, id, pages, { missing }));
}

/** The image as a source of one page at a time, wherever it lies; those beside it may be missing. */
function singlePages(target: Target, rows: ImageRows, id: ActorId, pages: number): ByteSource {
  return {
    size: pages * PAGE_BYTES,
    read: async (offset) => {
      const wanted = offset / PAGE_BYTES + 1;
      const missing = (pgno: number): Promise<Uint8Array | undefined> =>
        Promise.resolve(pgno === wanted ? undefined : NEVER_WRITTEN);
      for await (const batch of target.readBlocks(rows, id, pages, { firstPgno: wanted, missing })) {
        const block = batch.blocks[wanted - batch.firstPgno];
        if (block !== undefined) {
          return decompressPage(block);
        }
      }
      throw new FormatError("page_missing", "A page of the v2 image is not there.", { pgno: wanted });
    },
  };
}

/**
 * Whether v2 holds the very image that was migrated, by its digest: what has to be so for as long as the image is untouched. SQLite's
 * checks do not look at what a row holds. Ferry wrote all of its pages, so none may be missing. @throws FormatError where it cannot be read to
 * its end
 */
export async function isAsMigrated(
  context: MigrationContext,
  id: ActorId,
  { outcome, v2 }: WithImage,
  signal: AbortSignal,
): Promise<boolean> {
  const blocks = context.target.readBlocks(storeRows(context.store, signal), id, v2.pages);
  return (await digestOf(inflated(blocks))) === outcome?.sha256;
}

/** What SQLite says of an actor's v2 image of so many pages. @throws FormatError where it cannot be read to its end */
export async function checkV2(
  context: MigrationContext,
  id: ActorId,
  { pages, mode }: { readonly pages: number; readonly mode: IntegrityMode },
  signal: AbortSignal,
): Promise<IntegrityResult> {
  const source = new PageStream(readV2Pages(context, id, pages, signal), pages * PAGE_BYTES);
  try {
    return await context.checkIntegrity(source, mode, signal);
  } finally {
    await source.close();
  }
}
