const SMALLEST_GROWTH_BYTES = 1024;

/** A growing byte array: append at the end, take everything out. Keeps its memory from one `take` to the next. */
export class ByteBuffer {
  #bytes: Uint8Array;
  #length = 0;

  readonly #growthBytes: number;

  /** `growthBytes`: it grows by so much at least; what is too small already is dropped, and stands until it is collected. */
  constructor(initialBytes = 0, growthBytes = SMALLEST_GROWTH_BYTES) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#growthBytes = growthBytes;
  }

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length).set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Room for so many bytes at the end: a view that the next append may invalidate. */
  appendRoom(length: number): Uint8Array {
    const room = this.#reserve(length).subarray(this.#length, this.#length + length);
    this.#length += length;
    return room;
  }

  /** Big-endian, as are all of LTX's integers but the uvarints. */
  appendU16(value: number): void {
    const bytes = this.#reserve(2);
    bytes[this.#length++] = value >>> 8;
    bytes[this.#length++] = value;
  }

  appendU32(value: number): void {
    this.appendU16(value >>> 16);
    this.appendU16(value & 0xffff);
  }

  appendUvarint(value: number): void {
    const bytes = this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    bytes[this.#length++] = rest;
  }

  /** What was appended so far, as a view that the next append may invalidate. */
  peek(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of the first bytes, by default of all; they are dropped. */
  take(count = this.#length): Uint8Array {
    const taken = this.#bytes.slice(0, Math.min(count, this.#length));
    this.drop(taken.length);
    return taken;
  }

  /** Drops the first `count` bytes. */
  drop(count: number): void {
    this.#bytes.copyWithin(0, count, this.#length);
    this.#length -= count;
  }

  /** Drops everything, and ends views of it: they are wiped, so that one that is kept is wrong always. */
  clear(): void {
    this.#bytes.fill(0xdb, 0, this.#length);
    this.#length = 0;
  }

  #reserve(more: number): Uint8Array {
    if (this.#length + more > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more, this.#growthBytes));
      grown.set(this.peek());
      this.#bytes = grown;
    }
    return this.#bytes;
  }
}
