import type { FileOperation, Files } from "../migration/recovery/file-trace.ts";
import {
  entryRows,
  fileChunkK,
  fileMetadataK,
  fileMetadataValue,
  PAGE,
  type Row,
  type TestActor,
} from "./v1-actors.ts";

/**
 * One of SQLite's files as the last of v1's file layers has it: writes wait in memory, and a sync puts them into the actor's key-value space in
 * parts: what was cut off goes, chunks come in order, some at a time, and last the size, where that has changed.
 */
class V1File {
  readonly #chunks = new Map<number, Uint8Array>();
  #storedSize = 0;
  #size = 0;
  readonly #waiting = new Map<number, Uint8Array>();
  #cutFrom = Infinity;

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    for (let index = Math.floor(offset / PAGE); index * PAGE < end; index += 1) {
      const [from, to] = [Math.max(0, offset - index * PAGE), Math.min(PAGE, end - index * PAGE)];
      const before = this.#visible(index);
      const chunk = new Uint8Array(Math.max(before.length, to));
      chunk.set(before);
      chunk.set(bytes.subarray(index * PAGE + from - offset, index * PAGE + to - offset), from);
      this.#waiting.set(index, chunk);
    }
    this.#size = Math.max(this.#size, end);
  }

  truncate(size: number): void {
    if (size < this.#size) {
      const last = Math.floor(size / PAGE);
      const tail = this.#visible(last).slice(0, size % PAGE);
      [...this.#waiting.keys()].filter((index) => index >= last).forEach((index) => this.#waiting.delete(index));
      if (tail.length > 0) {
        this.#waiting.set(last, tail);
      }
      this.#cutFrom = Math.min(this.#cutFrom, last);
    }
    this.#size = size;
  }

  /** `step` is called before each request to the key-value space, and throws where the process dies. */
  sync(chunksAtOnce: number, step: () => void): void {
    if (this.#cutFrom < Infinity) {
      step();
      [...this.#chunks.keys()].filter((index) => index >= this.#cutFrom).forEach((index) => this.#chunks.delete(index));
      this.#cutFrom = Infinity;
    }
    const waiting = [...this.#waiting].sort(([a], [b]) => a - b);
    for (let first = 0; first < waiting.length; first += chunksAtOnce) {
      step();
      waiting.slice(first, first + chunksAtOnce).forEach(([index, chunk]) => this.#chunks.set(index, chunk));
    }
    this.#waiting.clear();
    if (this.#storedSize !== this.#size) {
      step();
      this.#storedSize = this.#size;
    }
  }

  /** What a file layer reads: as large as it is said to be, zeros for what is not there. */
  get bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#storedSize);
    for (const [index, chunk] of this.#chunks) {
      if (index * PAGE < bytes.length) {
        bytes.set(chunk.subarray(0, bytes.length - index * PAGE), index * PAGE);
      }
    }
    return bytes;
  }

  rows(actor: TestActor, tag: number): Row[] {
    const chunks = [...this.#chunks].flatMap(([index, chunk]) => entryRows(actor, fileChunkK(tag, index), chunk));
    return [...entryRows(actor, fileMetadataK(tag), fileMetadataValue(this.#storedSize)), ...chunks];
  }

  #visible(index: number): Uint8Array {
    const stored = index < this.#cutFrom ? this.#chunks.get(index) : undefined;
    return this.#waiting.get(index) ?? stored ?? new Uint8Array(0);
  }
}

class Died extends Error {}

/** What is in v1, by file, when a process dies after so many requests to the key-value space; and how many there were. */
export function v1AfterDeath(
  before: Files,
  operations: readonly FileOperation[],
  { chunksAtOnce, requests }: { readonly chunksAtOnce: number; readonly requests: number },
): { readonly files: ReadonlyMap<string, V1File>; readonly made: number } {
  const files = new Map<string, V1File>();
  for (const [name, bytes] of before) {
    files.set(name, new V1File());
    files.get(name)?.write(0, bytes);
    files.get(name)?.sync(1, () => undefined);
  }
  let made = 0;
  const step = (): void => {
    if (made === requests) {
      throw new Died();
    }
    made += 1;
  };
  try {
    for (const operation of operations) {
      const file = files.get(operation.file) ?? new V1File();
      files.set(operation.file, file);
      switch (operation.kind) {
        case "write":
          file.write(operation.offset, operation.bytes);
          break;
        case "truncate":
          file.truncate(operation.size);
          break;
        case "sync":
          file.sync(chunksAtOnce, step);
          break;
        case "delete":
          step();
          files.delete(operation.file);
      }
    }
  } catch (error) {
    if (!(error instanceof Died)) {
      throw error;
    }
  }
  return { files, made };
}
