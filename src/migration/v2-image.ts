import type { ActorId } from "../formats/actor-id.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { MigrationContext } from "./context.ts";
import type { IntegrityMode, IntegrityResult } from "./integrity/integrity.ts";
import { PageStream } from "./page-stream.ts";
import { inflated, type PageBatch } from "./pages.ts";
import { storeRows } from "./rows.ts";

/** The pages of the image that v2's readers see. @throws FormatError as the target's `readBlocks` */
export function readV2Pages(
  { store, target }: Pick<MigrationContext, "store" | "target">,
  id: ActorId,
  pages: number,
  signal: AbortSignal,
): AsyncGenerator<PageBatch, void, undefined> {
  return inflated(target.readBlocks(storeRows(store, signal), id, pages));
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
