import { type Database, open, type RootDatabase, type RootDatabaseOptions } from "lmdb";
import { UnavailableError } from "../../errors.ts";
import { newBytes } from "../../formats/bytes.ts";
import { unusable } from "./lmdb-directory.ts";

/** Of the store's own layout in the environment; raised when an older Ferry could not read it. */
const FORMAT = "ferry-store 1";
const FORMAT_KEY = Buffer.from("format");
/** Address space to map, not disk: the file grows as it is used. Large enough never to be changed under other processes. */
const MAP_BYTES = 2 ** 40;
/** Read snapshots at once, of all processes; 64 bytes each in the lock file. */
export const MAX_READERS = 4_096;

/** Values of `rows` up to here are copies when they are read. */
export const COPIED_BYTES = 64;

/** A table of LMDB with plain bytes on both sides; of `rows`, a longer value that is read is good until the next row is. */
export type LmdbTable = Database<Uint8Array, Uint8Array>;

/** The three tables of a store. */
export interface LmdbEnvironment {
  readonly path: string;
  /** Own facts: format, version of the last commit. Also what transactions are begun on. */
  readonly root: RootDatabase<Buffer, Uint8Array>;
  readonly rows: LmdbTable;
  readonly log: LmdbTable;
}

/**
 * Opens the LMDB environment in a directory, which must have passed `assertUsableDirectory`, while no other process commits: see `LmdbGate`.
 *
 * Plain LMDB durability: a commit returns when it is on disk (no overlapping sync, whose commits are visible to others before).
 * @throws UnavailableError when it cannot be used, or holds something else.
 */
export function openEnvironment(path: string): LmdbEnvironment {
  const binary = { encoding: "binary", keyEncoding: "binary" } as const;
  let root: RootDatabase<Buffer, Uint8Array> | undefined;
  try {
    const settings: RootDatabaseOptions & { path: string; maxFreeSpaceToRetain: number } = {
      ...binary,
      path,
      noSubdir: false,
      mapSize: MAP_BYTES,
      maxReaders: MAX_READERS,
      maxDbs: 4,
      overlappingSync: false,
      // With batching by turns the binding leaves a promise of its own unhandled when a commit fails, which ends the process.
      eventTurnBatching: false,
      noMemInit: true,
      // The binding would keep the list of free pages from one write transaction to the next, where other processes write in between.
      maxFreeSpaceToRetain: 0,
    };
    root = open<Buffer, Uint8Array>(settings);
    assertFormat(root, path);
    const rowOptions: RootDatabaseOptions & { name: string } = {
      encoding: "binary",
      name: "rows",
      keyEncoder: rowKeyEncoder,
      encoder: rowValueEncoder,
    };
    const rows = root.openDB<Uint8Array, Uint8Array>(rowOptions);
    const log = root.openDB<Buffer, Uint8Array>({ ...binary, name: "log" });
    return { path, root, rows, log };
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
    return copyOfBytes(source, start + 1, end);
  },
};

/** Byte by byte, for what is short. */
function copyOfBytes(source: Uint8Array, begin: number, end: number): Uint8Array {
  const copy = newBytes(end - begin);
  for (let index = 0; index < copy.length; index += 1) {
    copy[index] = source[begin + index] ?? 0;
  }
  return copy;
}

/**
 * Values as they are: what is read is a view of the binding's buffer, good until it is asked for the next row. A short one is copied at
 * once, for less than the view would cost: a large image has one for each page.
 */
const rowValueEncoder = {
  encode: (value: Uint8Array): Uint8Array => value,
  // The buffer is longer than it says, and only `subarray` minds what it says.
  decode: (bytes: Buffer): Uint8Array =>
    bytes.length > COPIED_BYTES ? bytes.subarray(0, bytes.length) : copyOfBytes(bytes, 0, bytes.length),
};

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
