import { open, rename, rm } from "node:fs/promises";
import { fileError } from "./files.ts";

/** Writes an actor's data beside the file, and moves it to its name when all is on the disk. @throws UsageError where it cannot be written */
export async function writeWholeFile(file: string, texts: AsyncIterable<string>): Promise<void> {
  const partial = `${file}.${process.pid}.partial`;
  try {
    // Only for who made it: it can be the actor's data.
    const handle = await open(partial, "wx", 0o600);
    try {
      for await (const text of texts) {
        await handle.write(text);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw fileError(file, "write", error);
  }
}
