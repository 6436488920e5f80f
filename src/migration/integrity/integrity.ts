/** Which of SQLite's checks: `quick` is `PRAGMA quick_check`; `full` is `PRAGMA integrity_check`, which also compares indexes with tables. */
export type IntegrityMode = "quick" | "full";

/**
 * What SQLite says of an image: sound, or the first lines it gave (at most 10, none longer than 500 characters).
 *
 * - `damaged`: the check found errors, or the file could not even be read as a database;
 * - `undecided`: SQLite could not carry the check out, because the schema needs a function or a collation that the application brings and
 *   this build of SQLite does not have. Nothing is known to be wrong.
 */
export type IntegrityResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: "damaged" | "undecided"; readonly lines: readonly string[] };

/** Lines kept of what SQLite says, and errors after which it may stop. */
export const MAX_LINES = 10;

/** Characters kept of a line. */
export const MAX_LINE_LENGTH = 500;
