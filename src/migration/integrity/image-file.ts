import { mkdtemp, open, readdir, rm, stat, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { assertNotAborted } from "../errors.ts";
import { inOrder } from "../in-order.ts";
import type { ByteSource } from "../recovery/byte-source.ts";
import { readExactly } from "../recovery/forward-reader.ts";
import { IntegrityCheckError } from "./errors.ts";

const BLOCK_BYTES = 1_048_576;
/** Blocks read ahead of the one being written. */
const READ_AHEAD = 3;

/** Folders are named for process and machine: containers that share a directory may have the same process ids. */
const FOLDER = /^ferry-integrity-(\d+)-(.+)-[^-]+$/;

/**
 * Writes an image to a file of its own, lends it out, and removes it whatever happens. Holds three MiB of it in memory.
 * @throws IntegrityCheckError `integrity_directory`; what the image's source throws, as it is.
 */
export async function withImageFile<T>(
  image: ByteSource,
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
  use: (file: string) => Promise<T>,
): Promise<T> {
  const own = await orDirectoryError(directory, () =>
    mkdtemp(path.join(directory, `ferry-integrity-${process.pid}-${hostname()}-`)),
  );
  try {
    const file = path.join(own, "image.sqlite");
    const handle = await orDirectoryError(directory, () => open(file, "wx"));
    try {
      await copy(image, handle, { directory, signal });
    } finally {
      await handle.close();
    }
    return await use(file);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** Removes what processes left that were killed over a check, of which some images are gigabytes. Never throws. */
export async function removeLeftImages(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    const [, pid, host] = FOLDER.exec(name) ?? [];
    const folder = path.join(directory, name);
    if (host === hostname() && (await isLeft(folder, Number(pid)))) {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/** Whether the process of a folder is gone. One of this process's own id, as every container's is 1, is told by when the folder was made. */
async function isLeft(folder: string, pid: number): Promise<boolean> {
  if (pid === process.pid) {
    const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Infinity }));
    return mtimeMs < performance.timeOrigin;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

async function copy(
  image: ByteSource,
  handle: FileHandle,
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
): Promise<void> {
  for await (const block of inOrder(blocksOf(image, signal), READ_AHEAD)) {
    await orDirectoryError(directory, () => handle.writeFile(block));
  }
}

function* blocksOf(image: ByteSource, signal: AbortSignal): Generator<() => Promise<Uint8Array>> {
  for (let offset = 0; offset < image.size; offset += BLOCK_BYTES) {
    yield async () => {
      assertNotAborted(signal);
      return readExactly(image, offset, Math.min(BLOCK_BYTES, image.size - offset));
    };
  }
}

async function orDirectoryError<T>(directory: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    throw new IntegrityCheckError(
      "integrity_directory",
      "The image to be checked could not be written to a temporary file: make room there, or name another directory in TMPDIR.",
      { details: { directory }, cause },
    );
  }
}
