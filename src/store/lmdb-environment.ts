import { mkdirSync, readdirSync } from "node:fs";
import { type Database, open, type RootDatabase, type RootDatabaseOptions } from "lmdb";
import { UnavailableError } from "../errors.ts";

/** Of the store's own layout in the environment; raised when an older Ferry could not read it. */
const FORMAT = "ferry-store 1";
const FORMAT_KEY = Buffer.from("format");
const DATA_FILE = "data.mdb";
const LOCK_FILE = "lock.mdb";
/** Address space to map, not disk: the file grows as it is used. Large enough never to be changed under other processes. */
const MAP_BYTES = 2 ** 40;
/** Read snapshots at once, of all processes; 64 bytes each in the lock file. */
const MAX_READERS = 4_096;

/** A table of LMDB with plain bytes on both sides. */
export type LmdbTable = Database<Buffer, Uint8Array>;

/** The three tables of a store. */
export interface LmdbEnvironment {
  /** Own facts: format, version of the last commit. Also what transactions are begun on. */
  readonly root: RootDatabase<Buffer, Uint8Array>;
  readonly rows: LmdbTable;
  readonly log: LmdbTable;
}

/** How to open an environment. */
export interface EnvironmentOptions {
  /** Whether to make the directory and the store in it when there is none. */
  readonly create: boolean;
}

/**
 * Opens the LMDB environment in a directory.
 *
 * Plain LMDB durability: a commit returns when it is on disk (no overlapping sync, whose commits are visible to others before).
 * @throws UnavailableError when it is no directory, cannot be used, or holds something else.
 */
export function openEnvironment(path: string, options: EnvironmentOptions): LmdbEnvironment {
  assertUsableDirectory(path, options);
  const binary = { encoding: "binary", keyEncoding: "binary" } as const;
  let root: RootDatabase<Buffer, Uint8Array> | undefined;
  try {
    root = open<Buffer, Uint8Array>({
      ...binary,
      path,
      noSubdir: false,
      mapSize: MAP_BYTES,
      maxReaders: MAX_READERS,
      maxDbs: 4,
      overlappingSync: false,
      noMemInit: true,
    });
    assertFormat(root, path);
    const rowOptions: RootDatabaseOptions & { name: string } = {
      encoding: "binary",
      name: "rows",
      keyEncoder: rowKeyEncoder,
    };
    const rows = root.openDB<Buffer, Uint8Array>(rowOptions);
    const log = root.openDB<Buffer, Uint8Array>({ ...binary, name: "log" });
    return { root, rows, log };
  } catch (error) {
    void root?.close();
    if (error instanceof UnavailableError) {
      throw error;
    }
    throw unusable(path, "the embedded store cannot be opened", error);
  }
}

/** LMDB takes no empty keys, and FoundationDB has one: so every key of a row gets a byte in front. */
const rowKeyEncoder = {
  writeKey(key: Uint8Array, target: Uint8Array, start: number): number {
    target[start] = 0;
    target.set(key, start + 1);
    return start + 1 + key.length;
  },
  readKey(source: Uint8Array, start: number, end: number): Uint8Array {
    return Uint8Array.prototype.slice.call(source, start + 1, end);
  },
};

function assertUsableDirectory(path: string, options: EnvironmentOptions): void {
  let names;
  try {
    if (options.create) {
      mkdirSync(path, { recursive: true });
    }
    names = readdirSync(path);
  } catch (error) {
    throw unusable(path, reasonOf(error), error);
  }
  if (names.includes(DATA_FILE)) {
    return;
  }
  if (names.some((name) => name !== "lost+found" && name !== LOCK_FILE)) {
    throw unusable(path, "the directory holds other files and no store: name a new or an empty one");
  }
  if (!options.create) {
    throw unusable(path, "the directory holds no store");
  }
}

/** Why the system would not let a directory be made or listed. */
function reasonOf(error: unknown): string {
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "ENOENT":
      return "there is no store here: the directory does not exist";
    case "ENOTDIR":
    case "EEXIST":
      return "an embedded store is a directory, and this is a file or lies under one: name another place";
    case "EACCES":
    case "EPERM":
      return "the directory of the store cannot be used for lack of permission";
    case "EROFS":
      return "the directory of the store is on a file system that cannot be written";
    default:
      return "the directory of the store cannot be used";
  }
}

/** Marks a new environment as a store of ours, and refuses one that something else made. */
function assertFormat(root: RootDatabase<Buffer, Uint8Array>, path: string): void {
  const format = root.transactionSync(() => {
    const found = root.get(FORMAT_KEY);
    if (found !== undefined) {
      return found.toString();
    }
    const isNew = root.getKeysCount({ limit: 1 }) === 0;
    if (isNew) {
      root.putSync(FORMAT_KEY, Buffer.from(FORMAT));
    }
    return isNew ? FORMAT : undefined;
  });
  if (format !== FORMAT) {
    throw unusable(path, "the directory holds a database that this version of Ferry did not make");
  }
}

function unusable(path: string, message: string, cause?: unknown): UnavailableError {
  return new UnavailableError("store_unavailable", message, { details: { path }, cause });
}
