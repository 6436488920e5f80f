import { mkdtemp, open, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { assertNotAborted } from "../errors.ts";
import { inOrder } from "../in-order.ts";
import type { ByteSource } from "../recovery/byte-source.ts";
import { readExactly } from "../recovery/forward-reader.ts";
import { IntegrityCheckError } from "./errors.ts";

const BLOCK_BYTES = 1_048_576;
/** Blocks read ahead of the one being written. */
const READ_AHEAD = 3;

/**
 * Writes an image to a file of its own, lends it out, and removes it whatever happens. Holds three MiB of it in memory.
 * @throws IntegrityCheckError `integrity_directory`; what the image's source throws, as it is.
 */
export async function withImageFile<T>(
  image: ByteSource,
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
  use: (file: string) => Promise<T>,
): Promise<T> {
  const own = await orDirectoryError(directory, () => mkdtemp(path.join(directory, "ferry-integrity-")));
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
      "The image to be checked could not be written to a temporary file: make room there, or give another directory.",
      { details: { directory }, cause },
    );
  }
}
