import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sqlite from "node-sqlite3-wasm";
import { recordFileOperations, type FileOperation } from "../migration/recovery/file-trace.ts";
import { freelistOf } from "./reference-freelist.ts";
import { fileRows, PAGE, TAG, type Row, type TestActor } from "./v1-actors.ts";

/* Databases that lack chunks in v1 because SQLite never wrote them: what it writes is recorded, and nothing else gets a chunk. */

type Database = InstanceType<typeof sqlite.Database>;

/** A file that SQLite made, and the chunks of it, by index, that SQLite never wrote. */
export interface HoledFile {
  readonly image: Uint8Array;
  readonly holes: readonly number[];
}

/** A file of 4,096-byte pages that `fill` made, with what v1's VFS would have no chunks of. */
export function holedFile(fill: (database: Database) => void): HoledFile {
  const directory = mkdtempSync(join(tmpdir(), "ferry-holes-"));
  try {
    const path = join(directory, "main.db");
    const operations = recordFileOperations(directory, () => {
      const database = new sqlite.Database(path);
      try {
        database.exec("PRAGMA page_size=4096; PRAGMA journal_mode=DELETE;");
        fill(database);
      } finally {
        database.close();
      }
    });
    const image = Uint8Array.from(readFileSync(path));
    return { image, holes: unwrittenChunks(operations, image.length / PAGE) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The transaction that showed it: a row with many overflow pages comes and goes before its pages are ever written, all in the cache. */
export function goneBeforeWritten(blobBytes: number): (database: Database) => void {
  return (database) => {
    database.exec("PRAGMA cache_size=-65536; CREATE TABLE t (id INTEGER PRIMARY KEY, content BLOB); BEGIN;");
    database.exec(`INSERT INTO t VALUES (1, randomblob(${blobBytes})); INSERT INTO t VALUES (2, randomblob(20000));`);
    database.exec("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (3, randomblob(10000)); COMMIT;");
  };
}

/** Any file with its freelist's leaves as holes: as if none of them had ever been written, which leaves zeros. */
export function withLeavesAsHoles(image: Uint8Array): HoledFile {
  const holes = (freelistOf(image)?.leaves ?? []).map((pageNumber) => pageNumber - 1);
  const zeroed = Uint8Array.from(image);
  holes.forEach((index) => zeroed.fill(0, index * PAGE, (index + 1) * PAGE));
  return { image: zeroed, holes };
}

/** The rows of an actor with this file, without its holes. */
export function holedRows(actor: TestActor, { image, holes }: HoledFile): Row[] {
  return fileRows(actor, TAG.main, image, holes);
}

/** Chunks of `main.db`, by index, that none of these operations wrote: v1 has none of them. */
export function unwrittenChunks(operations: readonly FileOperation[], pageCount: number): number[] {
  const written = new Set<number>();
  for (const operation of operations) {
    if (operation.kind === "write" && operation.file === "main.db") {
      for (let offset = operation.offset; offset < operation.offset + operation.bytes.length; offset += PAGE) {
        written.add(Math.floor(offset / PAGE));
      }
    }
  }
  return Array.from({ length: pageCount }, (_, index) => index).filter((index) => !written.has(index));
}
