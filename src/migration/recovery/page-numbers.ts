const INITIAL_CAPACITY = 256;

/** A growing list of page numbers at 4 bytes each. */
export class PageNumbers {
  #numbers = new Uint32Array(INITIAL_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(pageNumber: number): void {
    if (this.#length === this.#numbers.length) {
      const grown = new Uint32Array(this.#numbers.length * 2);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#length] = pageNumber;
    this.#length += 1;
  }

  /** The number at an index from 0, or 0, which is no page, outside the list. */
  at(index: number): number {
    return this.#numbers[index] ?? 0;
  }
}
