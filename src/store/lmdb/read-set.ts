import { coalesce, keyAfter, type KeyString, type KeyStringRange } from "./key-string.ts";
import { RANGE_OVERHEAD_BYTES } from "../limits.ts";

/** What a transaction read serializably: a commit after its read version that wrote any of it is a conflict. */
export class ReadSet {
  readonly #keys = new Set<KeyString>();
  #ranges: KeyStringRange[] = [];
  #isCoalesced = true;

  addKey(key: KeyString): void {
    this.#keys.add(key);
  }

  addRange(range: KeyStringRange): void {
    if (range.begin < range.end) {
      this.#ranges.push(range);
      this.#isCoalesced = false;
    }
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#ranges.length === 0;
  }

  /** Keys read one by one. */
  get keys(): ReadonlySet<KeyString> {
    return this.#keys;
  }

  /** Ranges read, sorted and disjoint. */
  get ranges(): readonly KeyStringRange[] {
    if (!this.#isCoalesced) {
      this.#ranges = coalesce(this.#ranges);
      this.#isCoalesced = true;
    }
    return this.#ranges;
  }

  /** What the conflict ranges count towards FoundationDB's limit on a transaction. */
  get conflictBytes(): number {
    let bytes = (this.#keys.size + this.ranges.length) * RANGE_OVERHEAD_BYTES;
    for (const key of this.#keys) {
      bytes += key.length + keyAfter(key).length;
    }
    for (const range of this.ranges) {
      bytes += range.begin.length + range.end.length;
    }
    return bytes;
  }
}
