import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { UsageError } from "../errors.ts";

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
export function fileError(file: string, verb: "read" | "written", cause: unknown): unknown {
  if (!(cause instanceof Error && "code" in cause && "syscall" in cause && typeof cause.code === "string")) {
    return cause;
  }
  return new UsageError(`${file} cannot be ${verb}: ${REASONS[cause.code] ?? cause.code}.`, { cause });
}

/** The bytes of a file, or of standard input. @throws UsageError while reading */
export async function* readFileOrStandard(file: string, stdin: Readable): AsyncGenerator<Buffer, void, undefined> {
  const stream = file === STANDARD ? stdin : createReadStream(file);
  try {
    for await (const chunk of stream) {
      yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    }
  } catch (error) {
    throw fileError(file === STANDARD ? "Standard input" : file, "read", error);
  }
}
