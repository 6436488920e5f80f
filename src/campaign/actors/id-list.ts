import { ACTOR_ID_CHARACTERS, type ActorId } from "../../formats/actor-id.ts";

const IDS_PER_BLOCK = 32_768;
const FIRST_PLACES = 1024;

/**
 * Distinct ids in the order in which they came, in some 40 bytes each: a list may name all actors of a cluster, and as strings in a set
 * two million took ten times that.
 */
export class IdList implements Iterable<ActorId> {
  /** The ids' texts, one after the other. */
  readonly #blocks: Buffer[] = [];
  /** Where in the list an id is, from 1, by a hash of its text; 0 where there is none. At most half of it is used. */
  #places = new Uint32Array(FIRST_PLACES);
  #size = 0;
  #repeated = 0;

  constructor(ids: Iterable<ActorId> = []) {
    for (const id of ids) {
      this.add(id);
    }
  }

  /** How many distinct ids. */
  get size(): number {
    return this.#size;
  }

  /** How often an id came that was there already. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Whether an id is there. */
  has(id: ActorId): boolean {
    return this.#places[this.#slotOf(id)] !== 0;
  }

  /** Adds an id, unless it is there. */
  add(id: ActorId): void {
    const slot = this.#slotOf(id);
    if (this.#places[slot] !== 0) {
      this.#repeated += 1;
      return;
    }
    const place = this.#size % IDS_PER_BLOCK;
    if (place === 0) {
      this.#blocks.push(Buffer.allocUnsafe(IDS_PER_BLOCK * ACTOR_ID_CHARACTERS));
    }
    this.#blocks.at(-1)?.write(id, place * ACTOR_ID_CHARACTERS, "latin1");
    this.#size += 1;
    this.#places[slot] = this.#size;
    if (this.#size * 2 > this.#places.length) {
      this.#grow();
    }
  }

  *[Symbol.iterator](): Generator<ActorId, void, undefined> {
    for (let index = 0; index < this.#size; index += 1) {
      yield this.#at(index);
    }
  }

  #at(index: number): ActorId {
    const begin = (index % IDS_PER_BLOCK) * ACTOR_ID_CHARACTERS;
    const block = this.#blocks[Math.floor(index / IDS_PER_BLOCK)];
    return block?.toString("latin1", begin, begin + ACTOR_ID_CHARACTERS) as ActorId;
  }

  /** The slot that has an id, or that it would take. */
  #slotOf(id: ActorId): number {
    const last = this.#places.length - 1;
    for (let slot = hashOf(id) & last; ; slot = (slot + 1) & last) {
      const place = this.#places[slot] ?? 0;
      if (place === 0 || this.#at(place - 1) === id) {
        return slot;
      }
    }
  }

  #grow(): void {
    this.#places = new Uint32Array(this.#places.length * 2);
    for (let index = 0; index < this.#size; index += 1) {
      this.#places[this.#slotOf(this.#at(index))] = index + 1;
    }
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
