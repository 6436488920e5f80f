import fs from "node:fs";
import path from "node:path";
import sqlite from "node-sqlite3-wasm";
import { recordFileOperations, type FileOperation, type Files } from "./file-trace.ts";
import type { Random } from "./random.ts";

/** Everything SQLite did to its files over some transactions, and the files before that. */
export interface Recording {
  readonly title: string;
  readonly before: Files;
  readonly operations: readonly FileOperation[];
}

/** The recorded database's file; its journal and log are named after it. */
export const MAIN_FILE = "work.db";
const SECOND_FILE = "second.db";

/**
 * Makes a small database in the directory, then records transactions that SQLite has to spill to disk half-way: a cache of a few pages,
 * rows over several pages. v1's settings are the most frequent of a wide choice.
 */
export function recordRollbackMode(random: Random, directory: string): Recording {
  const settings = {
    page_size: random.pick([4096, 4096, 4096, 4096, 4096, 512, 1024, 8192, 65_536]),
    auto_vacuum: random.pick(["none", "none", "none", "full", "incremental"]),
    journal_mode: random.pick(["delete", "delete", "delete", "truncate", "persist"]),
    synchronous: random.pick(["off", "normal", "normal", "full"]),
    locking_mode: random.pick(["normal", "exclusive"]),
    cache_size: random.between(1, 12),
  };
  const fresh = random.chance(0.08);
  return record(directory, titleOf({ ...settings, fresh }), (database, start) => {
    pragmas(database, settings);
    if (!fresh) {
      fill(database, random, settings.page_size);
    }
    const attached = settings.locking_mode === "normal" && random.chance(0.1);
    if (attached) {
      database.exec(`ATTACH '${path.join(directory, SECOND_FILE)}' AS second; CREATE TABLE IF NOT EXISTS second.s(v)`);
    }
    start(() => {
      if (fresh) {
        fill(database, random, settings.page_size);
      }
      transactions(database, random, settings.page_size, attached);
    });
  });
}

/** The same in WAL mode, with checkpoints in between, so that the log starts again over its old frames. */
export function recordWalMode(random: Random, directory: string): Recording {
  const settings = {
    page_size: random.pick([4096, 4096, 4096, 512, 1024, 8192, 65_536]),
    auto_vacuum: random.pick(["none", "none", "full", "incremental"]),
    locking_mode: "exclusive",
    journal_mode: "wal",
    synchronous: random.pick(["off", "normal", "full"]),
    cache_size: random.between(1, 12),
    wal_autocheckpoint: random.pick([0, 0, 20, 1000]),
  };
  return record(directory, titleOf(settings), (database, start) => {
    pragmas(database, settings);
    fill(database, random, settings.page_size);
    start(() => {
      for (let round = random.between(1, 3); round > 0; round -= 1) {
        transactions(database, random, settings.page_size, false);
        if (random.chance(0.5)) {
          database.all(`PRAGMA wal_checkpoint(${random.pick(["passive", "full", "restart", "truncate"])})`);
        }
      }
    });
  });
}

function record(
  directory: string,
  title: string,
  work: (database: sqlite.Database, start: (body: () => void) => void) => void,
): Recording {
  let before: Files = new Map();
  let from = 0;
  let to = 0;
  const operations = recordFileOperations(directory, (soFar) => {
    const database = new sqlite.Database(path.join(directory, MAIN_FILE));
    try {
      work(database, (body) => {
        before = filesIn(directory);
        from = soFar.length;
        body();
        to = soFar.length;
      });
    } finally {
      database.close();
    }
  });
  for (const name of fs.readdirSync(directory)) {
    fs.rmSync(path.join(directory, name), { recursive: true });
  }
  return { title, before, operations: operations.slice(from, to) };
}

function pragmas(database: sqlite.Database, settings: Record<string, string | number>): void {
  for (const [name, value] of Object.entries(settings)) {
    database.all(`PRAGMA ${name} = ${value}`);
  }
}

function fill(database: sqlite.Database, random: Random, pageSize: number): void {
  database.exec(
    "CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, b BLOB); CREATE INDEX t_k ON t(k); CREATE TABLE u(v)",
  );
  database.exec("BEGIN");
  insert(database, random, { pageSize, rows: random.between(5, 60) });
  database.exec("COMMIT");
}

function transactions(database: sqlite.Database, random: Random, pageSize: number, attached: boolean): void {
  for (let count = random.between(1, 2); count > 0; count -= 1) {
    if (random.chance(0.1)) {
      database.exec("VACUUM");
      continue;
    }
    database.exec(random.pick(["BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"]));
    if (attached) {
      database.exec("INSERT INTO second.s VALUES (zeroblob(3000))");
    }
    for (let steps = random.between(1, 5); steps > 0; steps -= 1) {
      step(database, random, pageSize, 2);
    }
    database.exec(random.chance(0.85) ? "COMMIT" : "ROLLBACK");
  }
}

function step(database: sqlite.Database, random: Random, pageSize: number, depth: number): void {
  switch (random.between(0, depth > 0 ? 9 : 6)) {
    case 0:
    case 1:
      insert(database, random, { pageSize, rows: random.between(1, 40) });
      break;
    case 2:
      database.run("UPDATE t SET b = ?, k = k + 1 WHERE id % ? = 0", [
        random.bytes(random.between(1, pageSize * 2)),
        random.between(1, 4),
      ]);
      break;
    case 3:
      database.run("DELETE FROM t WHERE id % ? <> 0", [random.between(1, 5)]);
      break;
    case 4:
      database.exec("CREATE TABLE IF NOT EXISTS v AS SELECT * FROM t; INSERT INTO u VALUES (zeroblob(20000))");
      break;
    case 5:
      database.exec("DROP TABLE IF EXISTS v; DELETE FROM u");
      break;
    case 6:
      database.all("PRAGMA incremental_vacuum(5)");
      break;
    default:
      savepoint(database, random, pageSize, depth - 1);
  }
}

function savepoint(database: sqlite.Database, random: Random, pageSize: number, depth: number): void {
  const name = `s${depth}`;
  database.exec(`SAVEPOINT ${name}`);
  for (let steps = random.between(1, 3); steps > 0; steps -= 1) {
    step(database, random, pageSize, depth);
  }
  if (random.chance(0.5)) {
    database.exec(`ROLLBACK TO ${name}`);
    step(database, random, pageSize, 0);
  }
  database.exec(`RELEASE ${name}`);
}

function insert(
  database: sqlite.Database,
  random: Random,
  { pageSize, rows }: { readonly pageSize: number; readonly rows: number },
): void {
  const statement = database.prepare("INSERT INTO t(k, b) VALUES (?, ?)");
  const largest = Math.min(pageSize * 2, 20_000);
  try {
    for (let row = 0; row < rows; row += 1) {
      statement.run([random.between(0, 1000), random.bytes(random.between(1, random.chance(0.2) ? largest : 200))]);
    }
  } finally {
    statement.finalize();
  }
}

function filesIn(directory: string): Files {
  const names = fs.readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(names.map(({ name }) => [name, new Uint8Array(fs.readFileSync(path.join(directory, name)))]));
}

function titleOf(settings: Record<string, unknown>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(" ");
}
