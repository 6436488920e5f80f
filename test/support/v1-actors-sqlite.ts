import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sqlite from "node-sqlite3-wasm";
import { SeededRandom } from "./reference-random.ts";
import { PAGE } from "./v1-actors.ts";

/* Real SQLite files, as v1's VFS would have stored them: 4,096-byte pages, rollback journal. */

type Database = InstanceType<typeof sqlite.Database>;

/** A real database file of some kind. */
export interface SqliteSample {
  readonly title: string;
  readonly image: Uint8Array;
}

/** A file that SQLite itself made: `fill` works on an open database of 4,096-byte pages. */
export function sqliteImage(fill: (database: Database) => void): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "ferry-sqlite-"));
  try {
    const path = join(directory, "main.db");
    const database = new sqlite.Database(path);
    try {
      database.exec("PRAGMA page_size=4096; PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF;");
      fill(database);
    } finally {
      database.close();
    }
    return Uint8Array.from(readFileSync(path));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A database of exactly this many pages, 1 or from 3 up, padded with the content of a table. */
export function sqliteImageOfPages(pages: number): Uint8Array {
  return sqliteImage((database) => {
    if (pages === 1) {
      database.exec("PRAGMA user_version=7;");
      return;
    }
    database.exec("BEGIN; CREATE TABLE pad (id INTEGER PRIMARY KEY, content BLOB);");
    const random = new SeededRandom(pages);
    // A value with n overflow pages adds exactly n pages while its cell fits the leaf that is there.
    for (let left = pages - pageCount(database); left > 0; left = pages - pageCount(database)) {
      const overflow = Math.min(left, 50);
      const content = Buffer.alloc(overflow * (PAGE - 4) + 100);
      content.set(random.bytes(2000));
      database.exec("SAVEPOINT try");
      database.run("INSERT INTO pad (content) VALUES (?)", [Uint8Array.from(content)]);
      if (pageCount(database) > pages) {
        database.exec("ROLLBACK TO try");
        database.run("INSERT INTO pad (content) VALUES (?)", [
          new Uint8Array(Math.max(left - 1, 0) * (PAGE - 4) + 100),
        ]);
      }
      database.exec("RELEASE try");
    }
    database.exec("COMMIT");
  });
}

function pageCount(database: Database): number {
  return Number(database.get("PRAGMA page_count")?.["page_count"]);
}

/** Databases of every kind that an image could be lost on. */
export function sqliteSamples(): SqliteSample[] {
  const random = new SeededRandom(99);
  const rows = (database: Database, table: string, count: number): void => {
    database.exec("BEGIN");
    for (let row = 0; row < count; row += 1) {
      database.run(`INSERT INTO ${table} (name, content) VALUES (?, ?)`, [
        `name ${(row * 7919) % count}`,
        random.bytes(300),
      ]);
    }
    database.exec("COMMIT");
  };
  const SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, content BLOB); CREATE INDEX t_name ON t (name);";
  const samples: [string, (database: Database) => void][] = [
    [
      "tables, indices, views and triggers",
      (database) => {
        database.exec(`${SCHEMA} CREATE VIEW v AS SELECT name FROM t; CREATE TABLE log (at TEXT);
          CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.name); END;`);
        rows(database, "t", 400);
      },
    ],
    [
      "blobs from empty to 300 kB",
      (database) => {
        database.exec(SCHEMA);
        for (const length of [0, 1, 4000, 4096, 60_000, 300_000]) {
          database.run("INSERT INTO t (content) VALUES (?)", [random.bytes(length)]);
        }
      },
    ],
    [
      "a free list",
      (database) => {
        database.exec(SCHEMA);
        rows(database, "t", 1500);
        database.exec("DELETE FROM t WHERE id % 3 > 0");
      },
    ],
    [
      "WITHOUT ROWID",
      (database) => {
        database.exec("CREATE TABLE w (name TEXT PRIMARY KEY, content BLOB) WITHOUT ROWID");
        rows(database, "w", 700);
      },
    ],
    [
      "auto-vacuum",
      (database) => {
        database.exec(`PRAGMA auto_vacuum=FULL; VACUUM; ${SCHEMA}`);
        rows(database, "t", 700);
        database.exec("DELETE FROM t WHERE id < 300");
      },
    ],
    [
      "incremental vacuum",
      (database) => {
        database.exec(`PRAGMA auto_vacuum=INCREMENTAL; VACUUM; ${SCHEMA}`);
        rows(database, "t", 500);
        database.exec("DELETE FROM t WHERE id > 50; PRAGMA incremental_vacuum(5);");
      },
    ],
    [
      "UTF-16",
      (database) => {
        database.exec(`PRAGMA encoding='UTF-16le'; ${SCHEMA} INSERT INTO t (name) VALUES ('é');`);
      },
    ],
  ];
  const fixed = [1, 63, 64, 65, 320, 321].map((pages) => ({
    title: `${pages} pages`,
    image: sqliteImageOfPages(pages),
  }));
  return [
    { title: "no page at all", image: new Uint8Array(0) },
    ...fixed,
    ...samples.map(([title, fill]) => ({ title, image: sqliteImage(fill) })),
  ];
}

/** The same database after SQLite has committed this to it. */
export function sqliteImageAfter(image: Uint8Array, sql: string): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "ferry-sqlite-"));
  try {
    const path = join(directory, "main.db");
    writeFileSync(path, image);
    const database = new sqlite.Database(path);
    try {
      database.exec(sql);
    } finally {
      database.close();
    }
    return Uint8Array.from(readFileSync(path));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
