import fs from "node:fs";
import path from "node:path";

/** One change that SQLite made to a file, as its file layer asked for it. */
export type FileOperation =
  | { readonly kind: "write"; readonly file: string; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly file: string; readonly size: number }
  | { readonly kind: "delete" | "sync"; readonly file: string };

/** Contents of files by name. */
export type Files = ReadonlyMap<string, Uint8Array>;

/**
 * Every change made to files in `directory` while `body` runs. The WebAssembly build of SQLite reaches the disk through Node's `fs`
 * object, so its single writes can be seen there, and with them every state a crash could have left. Nothing is synced for real.
 */
export function recordFileOperations(
  directory: string,
  body: (soFar: readonly FileOperation[]) => void,
): FileOperation[] {
  const operations: FileOperation[] = [];
  const names = new Map<number, string>();
  const { openSync, closeSync, writeSync, ftruncateSync, fsyncSync, unlinkSync } = fs;
  const original = { openSync, closeSync, writeSync, ftruncateSync, fsyncSync, unlinkSync };
  const within = (name: string | undefined): name is string => name !== undefined && path.dirname(name) === directory;
  const note = (fd: number, operation: (file: string) => FileOperation): void => {
    const name = names.get(fd);
    if (within(name)) {
      operations.push(operation(path.basename(name)));
    }
  };
  Object.assign(fs, {
    openSync(name: string, ...rest: [number, number?]): number {
      const fd = original.openSync(name, ...rest);
      names.set(fd, name);
      return fd;
    },
    closeSync(fd: number): void {
      names.delete(fd);
      original.closeSync(fd);
    },
    writeSync(fd: number, bytes: Uint8Array, start: number, length: number, offset: number): number {
      const copy = bytes.slice(start, start + length);
      note(fd, (file) => ({ kind: "write", file, offset, bytes: copy }));
      return original.writeSync(fd, bytes, start, length, offset);
    },
    ftruncateSync(fd: number, size: number): void {
      note(fd, (file) => ({ kind: "truncate", file, size }));
      original.ftruncateSync(fd, size);
    },
    fsyncSync(fd: number): void {
      note(fd, (file) => ({ kind: "sync", file }));
    },
    unlinkSync(name: string): void {
      original.unlinkSync(name);
      if (within(name)) {
        operations.push({ kind: "delete", file: path.basename(name) });
      }
    },
  });
  try {
    body(operations);
  } finally {
    Object.assign(fs, original);
  }
  return operations;
}

/** The files after operations were applied in order; the last write torn after `tornAfter` bytes if that is given. */
export function replay(files: Files, operations: readonly FileOperation[], tornAfter?: number): Files {
  const contents = new Map([...files].map(([name, bytes]) => [name, new Content(bytes)]));
  for (const [index, operation] of operations.entries()) {
    const content = contents.get(operation.file) ?? new Content(new Uint8Array(0));
    switch (operation.kind) {
      case "write":
        content.write(
          operation.offset,
          operation.bytes.subarray(0, index === operations.length - 1 ? tornAfter : undefined),
        );
        contents.set(operation.file, content);
        break;
      case "truncate":
        content.resize(operation.size);
        contents.set(operation.file, content);
        break;
      case "delete":
        contents.delete(operation.file);
        break;
      case "sync":
        break;
    }
  }
  return new Map([...contents].map(([name, content]) => [name, content.bytes()]));
}

/** A file's content while operations are applied to it; zero behind its size. */
class Content {
  #buffer: Uint8Array;
  #size: number;

  constructor(bytes: Uint8Array) {
    this.#buffer = bytes.slice();
    this.#size = bytes.length;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.resize(Math.max(this.#size, offset + bytes.length));
    this.#buffer.set(bytes, offset);
  }

  resize(size: number): void {
    if (size > this.#buffer.length) {
      const grown = new Uint8Array(size * 2);
      grown.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = grown;
    }
    this.#buffer.fill(0, Math.min(size, this.#size), Math.max(size, this.#size));
    this.#size = size;
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#size);
  }
}
