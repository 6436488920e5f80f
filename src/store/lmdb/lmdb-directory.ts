import { accessSync, closeSync, constants, mkdirSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { UnavailableError } from "../../errors.ts";

const DATA_FILE = "data.mdb";
const LOCK_FILE = "lock.mdb";
/** Of the locks that keep opening and commits apart, an environment of LMDB of its own. */
export const GATE_DIRECTORY = "gate";
const OWN_NAMES: ReadonlySet<string> = new Set([DATA_FILE, LOCK_FILE, GATE_DIRECTORY]);
/** What every file of LMDB says in its first page: its magic number and the version of its format, both little-endian. */
const MAGIC = Buffer.from("dec0efbe02000000", "hex");
const MAGIC_OFFSET = 24;

/** How to open an environment. */
export interface EnvironmentOptions {
  /** Whether to make the directory and the store in it when there is none. */
  readonly create: boolean;
}

/** The error of a place that is not there, or has nothing in it. */
function missing(path: string, message: string, cause?: unknown): UnavailableError {
  return new UnavailableError("store_missing", message, { details: { path }, cause });
}

/** The error of a place that cannot be used as a store. */
export function unusable(path: string, message: string, cause?: unknown): UnavailableError {
  return new UnavailableError("store_unavailable", message, { details: { path }, cause });
}

/**
 * Makes the directory of a store if it may, and refuses one that LMDB must not be let at: to say what is wrong in a sentence,
 * and because LMDB's binding 3.5 crashes the process when it fails to open what it is given.
 * @throws UnavailableError
 */
export function assertUsableDirectory(path: string, options: EnvironmentOptions): void {
  const names = listUsable(path, options);
  if (names.includes(GATE_DIRECTORY)) {
    assertUsableGate(join(path, GATE_DIRECTORY));
  }
  if (names.includes(DATA_FILE)) {
    assertLmdbFile(path);
    return;
  }
  if (names.some((name) => !OWN_NAMES.has(name) && name !== "lost+found")) {
    throw unusable(path, "the directory holds other files and no store: name a new or an empty one");
  }
  if (!options.create) {
    throw missing(path, "there is no store here: the directory holds none");
  }
}

function assertUsableGate(path: string): void {
  if (listUsable(path, { create: false }).includes(DATA_FILE)) {
    assertLmdbFile(path);
  }
}

/** The names in the directory, made if it may be; it, and what LMDB opens in it, can be read and written. */
function listUsable(path: string, options: EnvironmentOptions): string[] {
  try {
    if (options.create) {
      mkdirSync(path, { recursive: true });
    }
    const names = readdirSync(path);
    for (const name of [".", ...OWN_NAMES]) {
      if (name === "." || names.includes(name)) {
        accessSync(join(path, name), constants.R_OK | constants.W_OK);
      }
    }
    return names;
  } catch (error) {
    throw codeOf(error) === "ENOENT"
      ? missing(path, "there is no store here: the directory does not exist", error)
      : unusable(path, reasonOf(error), error);
  }
}

/** An empty file passes: another process may just be making the store. */
function assertLmdbFile(path: string): void {
  const head = readHead(path);
  if (head.length > 0 && !head.subarray(MAGIC_OFFSET).equals(MAGIC)) {
    throw unusable(path, "the store in the directory is damaged, or was made by something else");
  }
}

/** What the data file begins with, up to the end of the magic number. */
function readHead(path: string): Buffer {
  const head = Buffer.alloc(MAGIC_OFFSET + MAGIC.length);
  let file: number | undefined;
  try {
    file = openSync(join(path, DATA_FILE), "r");
    return head.subarray(0, readSync(file, head));
  } catch (error) {
    throw unusable(path, "the store in the directory cannot be read", error);
  } finally {
    if (file !== undefined) {
      closeSync(file);
    }
  }
}

/** Why the system would not let a directory be made or listed. */
function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
