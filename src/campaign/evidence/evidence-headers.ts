import { viewOf } from "../../formats/bytes.ts";
import { assertFormatError } from "../../formats/format-error.ts";
import { decodeJournalHeader, hasValidSizes, JOURNAL_HEADER_BYTES } from "../../formats/journal.ts";
import { decodeSqliteHeader } from "../../formats/sqlite-header.ts";
import { decodeWalHeader, WAL_HEADER_BYTES } from "../../formats/wal.ts";

const SQLITE_HEADER_BYTES = 100;

/** How much of a file's beginning is no content but header; nothing of a SHM. */
export const START_BYTES: Readonly<Record<string, number>> = {
  main: SQLITE_HEADER_BYTES,
  journal: JOURNAL_HEADER_BYTES,
  wal: WAL_HEADER_BYTES,
};

/** What a file's first bytes decode to, or a sentence when they do not. */
export function decodeStart(file: string, start: Uint8Array): unknown {
  switch (file) {
    case "main":
      return databaseHeader(start);
    case "journal":
      return journalHeader(start);
    case "wal":
      return decodeWalHeader(start)?.header ?? "No header of a write-ahead log: to SQLite it has no content.";
    default:
      return undefined;
  }
}

/** https://www.sqlite.org/fileformat2.html §1.3, the fields that tell one writer's state from another's. */
function databaseHeader(start: Uint8Array): unknown {
  try {
    const { pageBytes } = decodeSqliteHeader(start);
    if (start.length < SQLITE_HEADER_BYTES) {
      return { pageBytes };
    }
    const view = viewOf(start);
    return {
      pageBytes,
      writeVersion: view.getUint8(18),
      readVersion: view.getUint8(19),
      changeCounter: view.getUint32(24),
      pages: view.getUint32(28),
      freelistPages: view.getUint32(36),
      schemaCookie: view.getUint32(40),
      schemaFormat: view.getUint32(44),
      textEncoding: view.getUint32(56),
      versionValidFor: view.getUint32(92),
      sqliteVersion: view.getUint32(96),
    };
  } catch (error) {
    assertFormatError(error);
    return error.message;
  }
}

function journalHeader(start: Uint8Array): unknown {
  if (start.length === 0 || start[0] === 0) {
    return "The journal starts with a zero: it is not hot, and the database stands as it is.";
  }
  const header = decodeJournalHeader(start);
  return header === undefined
    ? "No header of a rollback journal: it is not hot, and the database stands as it is."
    : { ...header, validSizes: hasValidSizes(header) };
}
