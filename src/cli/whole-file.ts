import { randomUUID } from "node:crypto";
import { link, lstat, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { UsageError } from "../errors.ts";
import { fileError, STANDARD } from "./files.ts";

/** How a file gets its name. */
interface Naming {
  /** Ends before that where it throws. */
  readonly check?: () => Promise<void>;
  /** Whether nothing of that name may be replaced, as for what is removed elsewhere once it is written. Default: no. */
  readonly isNew?: boolean;
  /** Who may read it, less what the process's umask takes away. Default: only who made it, as it can be actors' data. */
  readonly mode?: number;
}

/**
 * Writes beside the file, and gives it its name when all is on the disk.
 * @throws UsageError where it cannot be written
 */
export async function writeWholeFile(
  file: string,
  parts: AsyncIterable<string | Uint8Array> | readonly string[],
  { check, isNew = false, mode = 0o600 }: Naming = {},
): Promise<void> {
  if (file === STANDARD || file === "") {
    throw new UsageError(`Cannot write "${file}": name a file, which is there when all of it is right.`);
  }
  await (isNew ? undefined : assertReplaceable(file));
  // Not the process's id: in containers that share a folder it is the same, and each would take the other's away.
  const partial = `${file}.${randomUUID()}.partial`;
  try {
    const handle = await open(partial, "wx", mode);
    try {
      // Not the handle's own `write`, which writes less than it is given where a disk becomes full.
      await writeFile(handle, parts);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await check?.();
    if (isNew) {
      // Refused where there is something, also where that came meanwhile.
      await link(partial, file);
      await syncFolder(dirname(file));
    } else {
      await rename(partial, file);
    }
  } catch (error) {
    throw fileError(file, "write", error);
  } finally {
    await rm(partial, { force: true });
  }
}

/** Without it the file's name could be gone after a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A device or a link would be gone, with the file in its place; a directory would refuse it when all is written. */
async function assertReplaceable(file: string): Promise<void> {
  const there = await lstat(file).catch(() => undefined);
  if (there !== undefined && !there.isFile()) {
    throw new UsageError(`Cannot write ${file}: ${there.isDirectory() ? "it is a directory" : "it is no plain file"}.`);
  }
}
