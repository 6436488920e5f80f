import { copyFileSync, openSync, writeSync, closeSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sqlite from "node-sqlite3-wasm";

/*
 * The demo's actors: real SQLite databases with v1's settings (4,096-byte pages, rollback journal), and what became of two of them.
 */

const MIB = 1024 * 1024;

/** Makes them in `folder`. Each has a name, what it shows, its file, and maybe a journal or a life. */
export function makeDatabases(folder) {
  return [
    { name: "shop", shows: "tables, indices, a view", file: make(folder, "shop", shop) },
    { name: "gallery", shows: "blobs of 100 bytes to 200 KB", file: make(folder, "gallery", gallery) },
    { name: "sessions", shows: "WITHOUT ROWID, free pages", file: make(folder, "sessions", sessions) },
    { name: "archive", shows: "30 MiB: leased and staged", file: make(folder, "archive", archive) },
    { name: "new", shows: "an empty database", file: empty(folder) },
    { name: "crashed", shows: "a hot journal", ...crashed(folder) },
    { name: "damaged", shows: "a damaged header", file: damaged(folder) },
    { name: "busy", shows: "an actor that runs just now", file: make(folder, "busy", sessions), awake: true },
  ];
}

function make(folder, name, fill) {
  const file = join(folder, `${name}.sqlite`);
  const db = new sqlite.Database(file);
  db.exec("PRAGMA page_size=4096; PRAGMA journal_mode=DELETE;");
  fill(db);
  db.close();
  return file;
}

function shop(db) {
  db.exec(`
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers, cents INTEGER, note TEXT);
    CREATE INDEX orders_by_customer ON orders (customer);
    CREATE UNIQUE INDEX customers_by_name ON customers (name);
    CREATE VIEW spent AS SELECT name, sum(cents) AS cents FROM customers JOIN orders ON customer = customers.id GROUP BY name;
    BEGIN;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
      INSERT INTO customers SELECT i, 'customer ' || i, substr('ABCDEF', 1 + i % 6, 1) || '-town' FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
      INSERT INTO orders SELECT i, 1 + (i * 7919) % 300, (i * 104729) % 9000, 'order number ' || i FROM n;
    COMMIT;`);
}

function gallery(db) {
  db.exec("CREATE TABLE pictures (id INTEGER PRIMARY KEY, title TEXT, content BLOB); BEGIN;");
  db.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
      INSERT INTO pictures SELECT i, 'picture ' || i, randomblob(CASE WHEN i % 10 = 0 THEN 200000 ELSE i * 100 END) FROM n;
    COMMIT;`);
}

function sessions(db) {
  db.exec(`
    CREATE TABLE sessions (token TEXT PRIMARY KEY, seen INTEGER) WITHOUT ROWID;
    BEGIN;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
      INSERT INTO sessions SELECT lower(hex(randomblob(16))), i FROM n;
    COMMIT;
    DELETE FROM sessions WHERE seen % 4 <> 0;`);
}

function archive(db) {
  db.exec("CREATE TABLE events (id INTEGER PRIMARY KEY, body BLOB); BEGIN;");
  db.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${(30 * MIB) / 2_000})
      INSERT INTO events SELECT i, randomblob(1000) || zeroblob(1000) FROM n;
    COMMIT;`);
}

/** v1 has actors whose database was never written: a file of no bytes. */
function empty(folder) {
  const file = join(folder, "new.sqlite");
  writeFileSync(file, "");
  return file;
}

/** Copies a database and its journal in the middle of a transaction, as a crash would leave them. */
function crashed(folder) {
  const file = make(folder, "crashed-before", shop);
  const copy = join(folder, "crashed.sqlite");
  const db = new sqlite.Database(file);
  db.exec("PRAGMA cache_size=10; BEGIN; UPDATE orders SET cents = cents + 1, note = note || '!';");
  copyFileSync(file, copy);
  copyFileSync(`${file}-journal`, `${copy}-journal`);
  db.exec("ROLLBACK");
  db.close();
  return { file: copy, journal: `${copy}-journal` };
}

function damaged(folder) {
  const file = make(folder, "damaged", shop);
  const handle = openSync(file, "r+");
  writeSync(handle, "not a database any more", 0);
  closeSync(handle);
  return file;
}

/** Compares all rows of two databases; answers what was compared. */
export function compareDatabases(left, right) {
  const [a, b] = [left, right].map((file) => new sqlite.Database(file, { readOnly: true }));
  try {
    const tables = a.all("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").map(({ name }) => name);
    return tables.map((table) => {
      const [mine, theirs] = [a, b].map((db) => db.all(`SELECT * FROM "${table}" ORDER BY 1`));
      return { table, rows: theirs.length, same: JSON.stringify(mine) === JSON.stringify(theirs) };
    });
  } finally {
    a.close();
    b.close();
  }
}

/** Runs a query on a database. */
export function query(file, sql) {
  const db = new sqlite.Database(file, { readOnly: true });
  try {
    return db.all(sql);
  } finally {
    db.close();
  }
}
