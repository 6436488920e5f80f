import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import sqlite from "node-sqlite3-wasm";

/** A database's files as a crash left them. */
export interface CrashFiles {
  readonly main: Uint8Array;
  readonly journal?: Uint8Array | undefined;
  readonly wal?: Uint8Array | undefined;
}

/** What lies on disk after SQLite opened the files, read something and closed them. */
export interface Aftermath {
  readonly mainBytes: number;
  /** Absent when larger than is worth reading. */
  readonly main?: Uint8Array;
  readonly journalLeft: boolean;
  readonly walLeft: boolean;
  /** What SQLite said when it could not read the database. */
  readonly error?: string;
}

/** Something that opens a database file, makes SQLite recover it, and closes it. Gives SQLite's complaint, if it has one. */
export type Opener = (file: string) => string | undefined;

const MAX_READ_BYTES = 64 * 2 ** 20;

/** Lays the files into the directory, has them opened, and looks at what is left. */
export function aftermath(
  directory: string,
  files: CrashFiles,
  { open, alsoExists = [] }: { readonly open: Opener; readonly alsoExists?: readonly string[] },
): Aftermath {
  const main = path.join(directory, "case.db");
  const journal = `${main}-journal`;
  const wal = `${main}-wal`;
  const placed = [
    [main, files.main],
    [journal, files.journal],
    [wal, files.wal],
  ] as const;
  for (const [name, bytes] of placed) {
    if (bytes !== undefined) {
      fs.writeFileSync(name, bytes);
    }
  }
  const others = alsoExists.map((name) => path.join(directory, name));
  for (const name of others) {
    // Not empty: SQLite on Linux takes an empty file for none. It names a journal that does not exist.
    fs.writeFileSync(name, "none\0");
  }
  try {
    const error = open(main);
    const mainBytes = fs.statSync(main).size;
    return {
      mainBytes,
      ...(mainBytes > MAX_READ_BYTES ? {} : { main: fs.readFileSync(main) }),
      journalLeft: fs.existsSync(journal),
      walLeft: fs.existsSync(wal),
      ...(error === undefined ? {} : { error }),
    };
  } finally {
    for (const name of [main, journal, wal, `${main}-shm`, ...others]) {
      fs.rmSync(name, { force: true });
    }
  }
}

/**
 * The WebAssembly build, in this process. As it comes it never rolls back a hot journal: its lock is a directory beside the file, and
 * when SQLite, holding that lock itself, asks whether a writer is active, the directory's existence is taken for one. So while it opens
 * a file here, that one question is answered with no.
 */
export const openWithWasm: Opener = (file) =>
  asOnlyProcess(() => {
    const database = new sqlite.Database(file);
    return complaintOf(() => {
      try {
        database.all("PRAGMA schema_version");
        database.all("SELECT count(*) FROM sqlite_schema");
      } finally {
        database.close();
      }
    });
  });

/** As above, for a database with a log, which that build can only handle with the file locked for good. */
export const openWalWithWasm: Opener = (file) =>
  asOnlyProcess(() => {
    const database = new sqlite.Database(file);
    return complaintOf(() => {
      try {
        database.exec("PRAGMA locking_mode = EXCLUSIVE");
        database.all("SELECT count(*) FROM sqlite_schema");
        database.all("PRAGMA wal_checkpoint(TRUNCATE)");
      } finally {
        database.close();
      }
    });
  });

/** Debian's command line shell, another build and version. Exit status and text both count: it reports some errors only in text. */
export const openWithShell: Opener = (file) => {
  const run = spawnSync("sqlite3", ["-batch", "-bail", file, "SELECT count(*) FROM sqlite_schema"], {
    encoding: "utf8",
  });
  return run.status === 0 && run.stderr === "" ? undefined : run.stderr.trim() || `exit ${run.status ?? "by signal"}`;
};

/** Its version, or `undefined` when there is no shell on PATH. */
export function shellVersion(): string | undefined {
  const run = spawnSync("sqlite3", ["--version"], { encoding: "utf8" });
  return run.error === undefined ? run.stdout.split(" ")[0] : undefined;
}

/** As no other process holds a lock; see `openWithWasm`. */
export function asOnlyProcess<T>(body: () => T): T {
  const { accessSync, fsyncSync } = fs;
  Object.assign(fs, {
    // Nothing here outlives the process, and syncing is most of the time.
    fsyncSync: () => undefined,
    accessSync(name: string, mode?: number): void {
      if (name.endsWith(".lock")) {
        throw Object.assign(new Error("no other process holds this lock"), { code: "ENOENT" });
      }
      accessSync(name, mode);
    },
  });
  try {
    return body();
  } finally {
    Object.assign(fs, { accessSync, fsyncSync });
  }
}

function complaintOf(body: () => void): string | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
