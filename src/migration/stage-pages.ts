import { withCompressedPage } from "../formats/page-codec.ts";
import type { PageBatch } from "./pages.ts";
import type { StagedRows, Stager } from "./targets/target.ts";

/** Compresses pages in this thread and adds them to a stager; `take` gets its rows whenever they fill a transaction. */
export function stagePages(
  stager: Stager,
  { firstPgno, pages }: Pick<PageBatch, "firstPgno" | "pages">,
  take: (staged: StagedRows) => void,
): void {
  for (const [index, page] of pages.entries()) {
    withCompressedPage(page, (block) => {
      stager.add(firstPgno + index, block);
    });
    if (stager.ready) {
      take(stager.take());
    }
  }
}

/** Gives `take` the rows that are left when every page was added. */
export function finishStaging(stager: Stager, take: (staged: StagedRows) => void): void {
  take(stager.finish());
  while (stager.ready) {
    take(stager.take());
  }
}
