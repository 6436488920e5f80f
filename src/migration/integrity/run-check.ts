import sqlite from "node-sqlite3-wasm";
import { MAX_LINES, MAX_LINE_LENGTH, type IntegrityMode, type IntegrityResult } from "./integrity.ts";
import type { CheckRequest, CheckResponse } from "./worker-protocol.ts";

const PRAGMA: Record<IntegrityMode, string> = { quick: "quick_check", full: "integrity_check" };

/** `full` looks every row up in every index: with SQLite's 2 MiB it took twice the time on 64 MiB, and more the larger the image. */
const CACHE_KIB = 65_536;

/** Messages for what says nothing about the image; besides the binding's own: SQLITE_NOMEM, _IOERR, _CANTOPEN, _FULL, _BUSY, _LOCKED, _PERM. */
const MACHINE_AT_FAULT =
  /^(Could not open the database|out of memory|disk I\/O error|unable to open database file|database or disk is full|database is locked|database table is locked|access permission denied)/;

/** Messages for a schema that needs what only the application has. */
const UNDECIDED = /^(no such collation sequence|unknown function|no such function|no such module|unsafe use of)/;

/** SQLite heads the lines of a database with its name; here there is only one. */
const HEADING = /^\*\*\* in database \w+ \*\*\*$/;

/** Runs a check in this thread. Throws only what SQLite's WebAssembly throws when it is beyond use. */
export function runCheck({ file, mode }: CheckRequest): CheckResponse {
  try {
    const lines = checkLines(file, mode);
    return { result: lines.length === 0 ? { ok: true } : { ok: false, reason: "damaged", lines } };
  } catch (error) {
    if (!(error instanceof sqlite.SQLite3Error)) {
      throw error;
    }
    return refusal(error.message);
  }
}

function checkLines(file: string, mode: IntegrityMode): string[] {
  const database = new sqlite.Database(file, { fileMustExist: true });
  try {
    // An image whose header says WAL mode can be opened by this build, which has no shared memory, only with the file to itself.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    // The schema is data here: it must not call what could do more than compute.
    database.exec("PRAGMA trusted_schema = OFF");
    database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    const rows = database.all(`PRAGMA ${PRAGMA[mode]}(${MAX_LINES})`);
    return linesOf(rows.map((row) => String(Object.values(row)[0])));
  } finally {
    database.close();
  }
}

function linesOf(texts: readonly string[]): string[] {
  const lines = texts.flatMap((text) => text.split("\n")).filter((line) => line !== "ok" && !HEADING.test(line));
  return lines.slice(0, MAX_LINES).map((line) => line.slice(0, MAX_LINE_LENGTH));
}

function refusal(message: string): CheckResponse {
  if (MACHINE_AT_FAULT.test(message)) {
    return { failure: message };
  }
  const result: IntegrityResult = {
    ok: false,
    reason: UNDECIDED.test(message) ? "undecided" : "damaged",
    lines: linesOf([message]),
  };
  return { result };
}
