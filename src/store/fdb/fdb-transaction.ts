import { asBuffer } from "../../formats/bytes.ts";
import { encodeCounter } from "../counter.ts";
import type { EngineTransaction } from "../engine.ts";
import type { FdbBinding, FdbHandle } from "./fdb-binding.ts";
import { toFdbStoreError } from "./fdb-errors.ts";
import { placedRows } from "../placed-rows.ts";
import type { KeyRange, KeyValue, RangeOptions, ReadOptions } from "../store.ts";

/** A transaction of FoundationDB: its own client keeps the rules, this only translates. */
export class FdbTransaction implements EngineTransaction {
  readonly #binding: FdbBinding;
  readonly #handle: FdbHandle;
  readonly #snapshotHandle: FdbHandle;

  constructor(binding: FdbBinding, handle: FdbHandle) {
    this.#binding = binding;
    this.#handle = handle;
    this.#snapshotHandle = handle.snapshot();
  }

  async get(key: Uint8Array, options?: ReadOptions): Promise<Uint8Array | undefined> {
    try {
      return await this.#reader(options?.snapshot === true).get(asBuffer(key));
    } catch (error) {
      throw toFdbStoreError(error);
    }
  }

  async *getRange(range: KeyRange, options: RangeOptions = {}): AsyncGenerator<readonly KeyValue[]> {
    const { limit = Infinity, reverse = false, snapshot = false } = options;
    let begin = asBuffer(range.begin);
    let end = asBuffer(range.end);
    let wanted = limit;
    for (let iteration = 1; wanted > 0 && Buffer.compare(begin, end) < 0; iteration++) {
      // FoundationDB takes a reverse read for one of the whole range, however little a limit lets it return; so that one is
      // read as a snapshot, and what it covered is named by itself.
      const namesConflict = reverse && !snapshot;
      const request = { begin, end, wanted, iteration, reverse };
      const { rows, more } = await this.#readBatch(request, this.#reader(snapshot || namesConflict));
      const last = rows.at(-1);
      wanted -= rows.length;
      const isDone = !more || wanted <= 0 || last === undefined;
      if (namesConflict) {
        const isWhole = last === undefined || (!more && wanted > 0);
        this.#handle.addReadConflictRange(isWhole ? begin : asBuffer(last.key), end);
      }
      if (last !== undefined) {
        yield placedRows(rows, options.into);
      }
      if (isDone) {
        return;
      }
      if (reverse) {
        end = asBuffer(last.key);
      } else {
        begin = Buffer.concat([last.key, Buffer.alloc(1)]);
      }
    }
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#handle.set(asBuffer(key), asBuffer(value));
  }

  clear(key: Uint8Array): void {
    this.#handle.clear(asBuffer(key));
  }

  clearRange(range: KeyRange): void {
    this.#handle.clearRange(asBuffer(range.begin), asBuffer(range.end));
  }

  add(key: Uint8Array, delta: bigint): void {
    this.#handle.atomicOpNative(this.#binding.MutationType.Add, asBuffer(key), asBuffer(encodeCounter(delta)));
  }

  setVersionstampedKey(key: Uint8Array, offset: number, value: Uint8Array): void {
    const type = this.#binding.MutationType.SetVersionstampedKey;
    this.#handle.atomicOpNative(type, withOffset(key, offset), asBuffer(value));
  }

  setVersionstampedValue(key: Uint8Array, value: Uint8Array, offset: number): void {
    const type = this.#binding.MutationType.SetVersionstampedValue;
    this.#handle.atomicOpNative(type, asBuffer(key), withOffset(value, offset));
  }

  addReadConflictRange(range: KeyRange): void {
    // FoundationDB takes the read version at the first read; without this, a transaction that reads nothing would be
    // compared with its own commit only.
    this.#handle.getReadVersion().catch(() => undefined);
    this.#handle.addReadConflictRange(asBuffer(range.begin), asBuffer(range.end));
  }

  async commit(): Promise<void> {
    try {
      await this.#handle.rawCommit();
    } catch (error) {
      throw toFdbStoreError(error);
    }
  }

  release(): void {
    // Frees the writes now: the garbage collector does not see how large they are.
    this.#handle.rawReset();
  }

  #reader(snapshot: boolean): FdbHandle {
    return snapshot ? this.#snapshotHandle : this.#handle;
  }

  async #readBatch(request: BatchRequest, reader: FdbHandle): Promise<{ rows: KeyValue[]; more: boolean }> {
    try {
      const { results, more } = await reader.getRangeNative(
        firstNotBelow(request.begin),
        firstNotBelow(request.end),
        request.wanted === Infinity ? 0 : request.wanted,
        0,
        this.#binding.StreamingMode.WantAll,
        request.iteration,
        request.reverse,
      );
      return { rows: results.map(([key, value]) => ({ key, value })), more };
    } catch (error) {
      throw toFdbStoreError(error);
    }
  }
}

interface BatchRequest {
  readonly begin: Buffer;
  readonly end: Buffer;
  readonly wanted: number;
  readonly iteration: number;
  readonly reverse: boolean;
}

/** The key selector "first key greater than or equal". */
function firstNotBelow(key: Buffer): { key: Buffer; orEqual: boolean; offset: number } {
  return { key, orEqual: false, offset: 1 };
}

/** FoundationDB takes where the versionstamp goes as four bytes, little-endian, after the operand. */
function withOffset(bytes: Uint8Array, offset: number): Buffer {
  const suffix = Buffer.alloc(4);
  suffix.writeUInt32LE(offset);
  return Buffer.concat([bytes, suffix]);
}
