import { coalesce, covers, type KeyString, type KeyStringRange, lowerBound, overlaps } from "./key-string.ts";
import type { WriteSet } from "./mutation.ts";
import type { ReadSet } from "./read-set.ts";

/** What was written at one version. */
export interface CommitRecord {
  readonly version: bigint;
  /** When, in milliseconds since the epoch. */
  readonly timeMs: number;
  /** Sorted, each once. */
  readonly keys: readonly KeyString[];
  /** Sorted and disjoint. */
  readonly ranges: readonly KeyStringRange[];
}

/** Makes the record of a version out of what its transactions wrote, each key and range once. */
export function commitRecord(version: bigint, timeMs: number, writes: WriteSet): CommitRecord {
  const sorted = [...writes.keys].sort();
  // Once each: transactions that share a commit mostly add to the same counters.
  const keys = sorted.filter((key, index) => key !== sorted[index - 1]);
  return { version, timeMs, keys, ranges: coalesce(writes.ranges) };
}

/**
 * The last commits, in memory: FoundationDB's resolver in small.
 *
 * Holds every commit after `floor` up to `version`, of all processes; the resolver keeps it in step with the log in the store, under
 * the write lock, and has it forget what no transaction can ask for. A read version below `floor` cannot be judged, and is too old.
 */
export class ConflictWindow {
  #records: CommitRecord[] = [];
  #floor = 0n;
  #version = 0n;

  /** The last version known. */
  get version(): bigint {
    return this.#version;
  }

  /** Starts over: nothing is known up to `floor`. */
  reset(floor: bigint): void {
    this.#records = [];
    this.#floor = floor;
    this.#version = floor;
  }

  /** Adds the commit that follows `version`. */
  push(record: CommitRecord): void {
    this.#records.push(record);
    this.#version = record.version;
  }

  /** Forgets the commits up to `version`, which may be one that it has not come to know of: then it need not. */
  forgetUpTo(version: bigint): void {
    if (version >= this.#version) {
      this.reset(version);
    } else if (version > this.#floor) {
      this.#records = this.#records.filter((record) => record.version > version);
      this.#floor = version;
    }
  }

  /** Whether commits after `readVersion` are no longer all known. */
  isTooOld(readVersion: bigint): boolean {
    return readVersion < this.#floor;
  }

  /** Whether a commit after `readVersion` wrote what was read. */
  conflicts(reads: ReadSet, readVersion: bigint): boolean {
    const firstAfter = this.#records.findLastIndex((record) => record.version <= readVersion) + 1;
    for (let index = firstAfter; index < this.#records.length; index++) {
      const record = this.#records[index];
      if (record !== undefined && intersects(record, reads)) {
        return true;
      }
    }
    return false;
  }
}

/** Whether the sorted writes of a commit touch what was read. */
export function intersects(writes: Pick<CommitRecord, "keys" | "ranges">, reads: ReadSet): boolean {
  for (const key of reads.keys) {
    const at = lowerBound(writes.keys, key);
    if (writes.keys[at] === key || covers(writes.ranges, key)) {
      return true;
    }
  }
  for (const range of reads.ranges) {
    const written = writes.keys[lowerBound(writes.keys, range.begin)];
    if ((written !== undefined && written < range.end) || overlaps(writes.ranges, range)) {
      return true;
    }
  }
  return false;
}
