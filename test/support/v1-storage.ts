import type { FileOperation } from "../migration/recovery/file-trace.ts";
import {
  entryRows,
  fileChunkK,
  fileMetadataK,
  fileMetadataValue,
  PAGE,
  TAG,
  type Row,
  type TestActor,
} from "./v1-actors.ts";

/*
 * What v1's file layers leave in the actor's key-value space, one request after the other, as their sources have it. They write at
 * once: a write of SQLite's is one request, with the size where it grows. What differs is how a file is made shorter, and how it is
 * deleted; `read` is what all of them read: as many bytes as the metadata says, zeros where no chunk is, nothing without metadata.
 *
 *   2.1.0    shorter: chunks, size               deleted: all at once           sqlite-vfs/src/vfs.ts of the engine's repository, to 2.1.6
 *   2.1.7    shorter: size, 128 chunks at a time deleted: metadata and 127 chunks, 128 chunks at a time                    to 2.2.1
 *   native   shorter: size, 128 chunks at a time deleted: all chunks, metadata  sqlite-native/src/vfs.rs, 2.3.0-rc.1 to rc.4
 *   last     shorter: size, all chunks           deleted: metadata, all chunks  rivetkit-sqlite/src/vfs.rs, before v2 took over
 */
export const LAYERS = ["2.1.0", "2.1.7", "native", "last"] as const;
export type Layer = (typeof LAYERS)[number];

const BATCH_KEYS = 128;

/** A file: without `size` its metadata is not there, whatever chunks are. */
interface StoredFile {
  size: number | undefined;
  readonly chunks: Map<number, Uint8Array>;
}

/** The process is dead: no further request is made. */
class Died extends Error {}

export class V1Storage {
  readonly #layer: Layer;
  /** The main file is there once it was opened. */
  readonly #files = new Map<keyof typeof TAG, StoredFile>([
    ["main", { size: 0, chunks: new Map<number, Uint8Array>() }],
  ]);
  #requestsLeft = 0;

  constructor(layer: Layer) {
    this.#layer = layer;
  }

  /** Does what SQLite did, until so many requests were made. Gives how many were. */
  apply(operations: readonly FileOperation[], requests: number): number {
    this.#requestsLeft = requests;
    try {
      for (const operation of operations) {
        this.#apply(operation);
      }
    } catch (error) {
      if (!(error instanceof Died)) {
        throw error;
      }
    }
    return requests - this.#requestsLeft;
  }

  /** What a file layer reads. */
  read(tag: keyof typeof TAG): Uint8Array | undefined {
    const { size, chunks } = this.#file(tag);
    if (size === undefined) {
      return undefined;
    }
    const bytes = new Uint8Array(size);
    for (const [index, chunk] of chunks) {
      if (index * PAGE < size) {
        bytes.set(chunk.subarray(0, size - index * PAGE), index * PAGE);
      }
    }
    return bytes;
  }

  /** Chunks that no reader comes to. */
  hasLeftovers(tag: keyof typeof TAG): boolean {
    const { size = 0, chunks } = this.#file(tag);
    return [...chunks.keys()].some((index) => index * PAGE >= size);
  }

  /** Chunks that every reader takes for zeros. */
  hasHoles(tag: keyof typeof TAG): boolean {
    const { size = 0, chunks } = this.#file(tag);
    return Array.from({ length: Math.ceil(size / PAGE) }).some((_, index) => !chunks.has(index));
  }

  rows(actor: TestActor): Row[] {
    return [...this.#files].flatMap(([tag, { size, chunks }]) => [
      ...(size === undefined ? [] : entryRows(actor, fileMetadataK(TAG[tag]), fileMetadataValue(size))),
      ...[...chunks].flatMap(([index, chunk]) => entryRows(actor, fileChunkK(TAG[tag], index), chunk)),
    ]);
  }

  /** A copy that goes its own way. */
  copy(): V1Storage {
    const copy = new V1Storage(this.#layer);
    for (const [tag, { size, chunks }] of this.#files) {
      copy.#files.set(tag, { size, chunks: new Map(chunks) });
    }
    return copy;
  }

  #apply(operation: FileOperation): void {
    const file = this.#file(tagOf(operation.file));
    switch (operation.kind) {
      case "write":
        this.#write(file, operation.offset, operation.bytes);
        break;
      case "truncate":
        this.#truncate(file, operation.size);
        break;
      case "delete":
        this.#delete(file);
        break;
      case "sync":
        break;
    }
  }

  #write(file: StoredFile, offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    this.#request(() => {
      for (let index = Math.floor(offset / PAGE); index * PAGE < end; index += 1) {
        const [from, to] = [Math.max(0, offset - index * PAGE), Math.min(PAGE, end - index * PAGE)];
        // What is kept of a chunk is asked for by the size, and is then all of it, what lies behind the size included.
        const isKept = from > 0 || Math.min(PAGE, (file.size ?? 0) - index * PAGE) > to;
        const before = isKept ? (file.chunks.get(index) ?? new Uint8Array(0)) : new Uint8Array(0);
        const chunk = new Uint8Array(Math.max(before.length, to));
        chunk.set(before);
        chunk.set(bytes.subarray(index * PAGE + from - offset, index * PAGE + to - offset), from);
        file.chunks.set(index, chunk);
      }
      file.size = Math.max(file.size ?? 0, end);
    });
  }

  #truncate(file: StoredFile, size: number): void {
    const before = file.size ?? 0;
    const kept = Math.ceil(size / PAGE);
    const resize = (): void => {
      this.#request(() => {
        file.size = size;
      });
    };
    if (size >= before) {
      resize();
      return;
    }
    const gone = indices(kept, Math.ceil(before / PAGE));
    if (this.#layer === "2.1.0") {
      this.#drop(file, gone, Infinity);
      this.#cutLast(file, size);
      resize();
      return;
    }
    resize();
    this.#cutLast(file, size);
    this.#drop(
      file,
      this.#layer === "last" ? [...file.chunks.keys()].filter((index) => index >= kept) : gone,
      this.#batch,
    );
  }

  #delete(file: StoredFile): void {
    const forget = (): void => {
      file.size = undefined;
    };
    const chunks = indices(0, Math.ceil((file.size ?? 0) / PAGE));
    switch (this.#layer) {
      case "2.1.0":
        this.#request(() => {
          forget();
          chunks.forEach((index) => file.chunks.delete(index));
        });
        break;
      case "2.1.7":
        this.#request(() => {
          forget();
          chunks.slice(0, BATCH_KEYS - 1).forEach((index) => file.chunks.delete(index));
        });
        this.#drop(file, chunks.slice(BATCH_KEYS - 1), BATCH_KEYS);
        break;
      case "native":
        this.#request(() => {
          file.chunks.clear();
        });
        this.#request(forget);
        break;
      case "last":
        this.#request(forget);
        this.#request(() => {
          file.chunks.clear();
        });
    }
  }

  get #batch(): number {
    return this.#layer === "last" ? Infinity : BATCH_KEYS;
  }

  #drop(file: StoredFile, gone: readonly number[], atOnce: number): void {
    for (let first = 0; first < gone.length; first += atOnce) {
      this.#request(() => {
        gone.slice(first, first + atOnce).forEach((index) => file.chunks.delete(index));
      });
    }
  }

  /** The end of the last chunk that stays goes by a request of its own. */
  #cutLast(file: StoredFile, size: number): void {
    const last = Math.floor(size / PAGE);
    const chunk = file.chunks.get(last);
    if (size % PAGE > 0 && chunk !== undefined && chunk.length > size % PAGE) {
      this.#request(() => {
        file.chunks.set(last, chunk.slice(0, size % PAGE));
      });
    }
  }

  #request(make: () => void): void {
    if (this.#requestsLeft === 0) {
      throw new Died();
    }
    this.#requestsLeft -= 1;
    make();
  }

  #file(tag: keyof typeof TAG): StoredFile {
    const file = this.#files.get(tag) ?? { size: undefined, chunks: new Map<number, Uint8Array>() };
    this.#files.set(tag, file);
    return file;
  }
}

function tagOf(name: string): keyof typeof TAG {
  return name.endsWith("-journal") ? "journal" : name.endsWith("-wal") ? "wal" : name.endsWith("-shm") ? "shm" : "main";
}

function indices(from: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - from) }, (_, index) => from + index);
}
