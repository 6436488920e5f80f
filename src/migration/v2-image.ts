import type { ActorId } from "../formats/actor-id.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { MigrationContext } from "./context.ts";
import type { IntegrityMode, IntegrityResult } from "./integrity/integrity.ts";
import type { WithImage } from "./migrated-actor.ts";
import { PageStream } from "./page-stream.ts";
import { digestOf, inflated, type PageBatch } from "./pages.ts";
import { storeRows } from "./rows.ts";

/** The pages of the image that v2's readers see. @throws FormatError as the target's `readBlocks` */
function readV2Pages(
  { store, target }: Pick<MigrationContext, "store" | "target">,
  id: ActorId,
  pages: number,
  signal: AbortSignal,
): AsyncGenerator<PageBatch, void, undefined> {
  return inflated(target.readBlocks(storeRows(store, signal), id, pages));
}

/**
 * Whether v2 holds the very image that was migrated, by its digest: what has to be so for as long as the image is untouched. SQLite's
 * checks do not look at what a row holds. @throws FormatError where it cannot be read to its end
 */
export async function isAsMigrated(
  context: MigrationContext,
  id: ActorId,
  { outcome, v2 }: WithImage,
  signal: AbortSignal,
): Promise<boolean> {
  return (await digestOf(readV2Pages(context, id, v2.pages, signal))) === outcome?.sha256;
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
