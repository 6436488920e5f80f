import { lstat, open, rename, rm, writeFile } from "node:fs/promises";
import { UsageError } from "../errors.ts";
import { fileError } from "./files.ts";

/**
 * Writes actors' data beside the file, and moves it to its name when all is on the disk and `check` has not thrown.
 * @throws UsageError where it cannot be written
 */
export async function writeWholeFile(
  file: string,
  parts: AsyncIterable<string | Uint8Array>,
  check: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await assertReplaceable(file);
  const partial = `${file}.${process.pid}.partial`;
  try {
    // Only for who made it: it can be the actor's data.
    const handle = await open(partial, "wx", 0o600);
    try {
      // Not the handle's own `write`, which writes less than it is given where a disk becomes full.
      await writeFile(handle, parts);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await check();
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw fileError(file, "write", error);
  }
}

/** A device or a link would be gone, with the file in its place; a directory would refuse it when all is written. */
async function assertReplaceable(file: string): Promise<void> {
  const there = await lstat(file).catch(() => undefined);
  if (there !== undefined && !there.isFile()) {
    throw new UsageError(`Cannot write ${file}: ${there.isDirectory() ? "it is a directory" : "it is no plain file"}.`);
  }
}
