import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { UsageError } from "../errors.ts";
import type { Surroundings } from "./run.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "this user may not",
  EPERM: "this user may not",
  EISDIR: "it is a directory",
  ENOTDIR: "its folder is a file",
  EEXIST: "it exists already",
  ENOSPC: "its disk is full",
  EROFS: "its file system takes no writes",
};

/** What a user calls a file: `-` is standard input or output. */
export const STANDARD = "-";

/** A failed access to a file the user named, as the user's to mend; other errors pass unchanged. */
export function fileError(file: string, verb: "read" | "write", cause: unknown): unknown {
  if (!(cause instanceof Error && "code" in cause && "syscall" in cause && typeof cause.code === "string")) {
    return cause;
  }
  const reason = verb === "write" && cause.code === "ENOENT" ? "its folder does not exist" : REASONS[cause.code];
  return new UsageError(`Cannot ${verb} ${file}: ${reason ?? cause.code}.`, { cause });
}

/** Finds out before anything else happens. @throws UsageError unless the file can be read. */
export async function assertReadable(file: string): Promise<void> {
  if (file === STANDARD) {
    return;
  }
  try {
    const handle = await open(file);
    const isDirectory = (await handle.stat()).isDirectory();
    await handle.close();
    if (isDirectory) {
      throw new UsageError(`Cannot read ${file}: ${REASONS["EISDIR"] ?? ""}.`);
    }
  } catch (error) {
    throw fileError(file, "read", error);
  }
}

/** The bytes of a file, or of standard input, until the command is interrupted. @throws UsageError while reading */
export async function* readFileOrStandard(
  file: string,
  { stdin, signal }: Pick<Surroundings, "stdin" | "signal">,
): AsyncGenerator<Buffer, void, undefined> {
  // Whoever writes to standard input may take for ever.
  const stream = addAbortSignal(signal, file === STANDARD ? stdin : createReadStream(file));
  try {
    for await (const chunk of stream) {
      yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    }
  } catch (error) {
    throw fileError(file === STANDARD ? "standard input" : file, "read", error);
  }
}
