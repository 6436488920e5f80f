import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import sqlite from "node-sqlite3-wasm";

/** The bytes of a database that these statements make. */
export function databaseOf(...statements: readonly string[]): Uint8Array {
  const directory = mkdtempSync(path.join(tmpdir(), "ferry-made-"));
  try {
    const file = path.join(directory, "made.db");
    const database = new sqlite.Database(file);
    try {
      for (const statement of statements) {
        database.exec(statement);
      }
    } finally {
      database.close();
    }
    return new Uint8Array(readFileSync(file));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A table with an index, of about this many rows of 300 bytes. */
export function filledDatabase(rows: number): Uint8Array {
  return databaseOf(
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); CREATE INDEX t_a ON t(a)",
    `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${rows})
     INSERT INTO t SELECT i, i * 7919 % 1000, hex(zeroblob(140)) || i FROM c`,
  );
}
