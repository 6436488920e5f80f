import { viewOf } from "../../../formats/bytes.ts";
import { FormatError } from "../../../formats/format-error.ts";

/* What the engine's client takes from page 1 and nowhere else; SQLite's file format §1.3. */
const WRITE_VERSION_OFFSET = 18;
const READ_VERSION_OFFSET = 19;
const ROLLBACK_JOURNAL = 1;
const PAGE_COUNT_OFFSET = 28;

/**
 * What Depot's client asks of page 1 beyond FORMATS: it takes the file's size from the header's page count, so that a lower one would
 * cut the database off in silence (DEPOT R3); and it runs with a rollback journal.
 * @throws FormatError `header_page_count_mismatch`, `journal_mode_unsupported`
 */
export function assertDepotHeader(page1: Uint8Array, pageCount: number): void {
  const inHeader = viewOf(page1).getUint32(PAGE_COUNT_OFFSET);
  if (inHeader !== pageCount) {
    throw new FormatError(
      "header_page_count_mismatch",
      "The database's header counts other pages than the file has: the engine would take the header's word for it.",
      { inHeader, pageCount },
    );
  }
  const writeVersion = page1[WRITE_VERSION_OFFSET];
  const readVersion = page1[READ_VERSION_OFFSET];
  if (writeVersion !== ROLLBACK_JOURNAL || readVersion !== ROLLBACK_JOURNAL) {
    throw new FormatError(
      "journal_mode_unsupported",
      "The database's header asks for a write-ahead log, which the engine's client does not have.",
      { writeVersion, readVersion },
    );
  }
}
