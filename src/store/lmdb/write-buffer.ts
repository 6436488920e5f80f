import { InvariantError } from "../../errors.ts";
import { addToCounter, encodeCounter } from "../counter.ts";
import {
  coalesce,
  covers,
  keyAfter,
  type KeyString,
  type KeyStringRange,
  lowerBound,
  toKeyString,
} from "./key-string.ts";
import { VERSIONSTAMP_BYTES } from "../limits.ts";
import { type Mutation, rangeName, stampedKeyRange } from "./mutation.ts";
import type { KeyValue } from "../store.ts";

/** What the transaction itself says about one key. */
type Pending =
  | { readonly kind: "value"; readonly key: Uint8Array; readonly value: Uint8Array | undefined }
  | { readonly kind: "add"; readonly key: Uint8Array; readonly delta: bigint }
  | { readonly kind: "unreadable"; readonly key: Uint8Array };

/** The value of a key as far as the transaction's own writes tell; `unknown` when the store has to be asked as well. */
export type OwnValue = { readonly known: true; readonly value: Uint8Array | undefined } | { readonly known: false };

const UNKNOWN: OwnValue = { known: false };

/**
 * The writes of a transaction that has not committed: the list for the commit, and their effect laid over what the store
 * holds, so that the transaction reads its own writes as in FoundationDB. Most transactions write last and read none of it: the effect
 * is worked out only when something is read.
 */
export class WriteBuffer {
  readonly mutations: Mutation[] = [];
  /** So many of the mutations are in what is below. */
  #workedOut = 0;
  readonly #pending = new Map<KeyString, Pending>();
  #sortedKeys: KeyString[] | undefined = [];
  #clearedRanges: KeyStringRange[] = [];
  #isCoalesced = true;
  readonly #unreadable: KeyStringRange[] = [];
  #hasStamps = false;

  set(key: Uint8Array, value: Uint8Array): void {
    this.mutations.push({ type: "set", key, value });
  }

  clear(key: Uint8Array): void {
    this.mutations.push({ type: "clear", key });
  }

  clearRange(begin: Uint8Array, end: Uint8Array): void {
    this.mutations.push({ type: "clearRange", begin, end });
  }

  add(key: Uint8Array, delta: bigint): void {
    this.mutations.push({ type: "add", key, delta });
  }

  setVersionstampedKey(key: Uint8Array, offset: number, value: Uint8Array): void {
    this.mutations.push({ type: "stampKey", key, offset, value });
  }

  setVersionstampedValue(key: Uint8Array, value: Uint8Array, offset: number): void {
    this.mutations.push({ type: "stampValue", key, offset, value });
  }

  /** Whether the transaction wrote nothing that a read could see. */
  get isEmpty(): boolean {
    return this.mutations.length === 0;
  }

  /**
   * What a read of `key` has to return, as far as known without the store.
   * @throws InvariantError when the key's value depends on a versionstamp (FoundationDB 1036).
   */
  ownValue(key: KeyString): OwnValue {
    this.#workOut();
    this.#assertReadable(key, keyAfter(key));
    const pending = this.#pending.get(key);
    if (pending === undefined) {
      return this.#isCleared(key) ? { known: true, value: undefined } : UNKNOWN;
    }
    return pending.kind === "value" ? { known: true, value: pending.value } : UNKNOWN;
  }

  /** The value of `key` where the store holds `stored` and `ownValue` is not known. */
  overlay(key: KeyString, stored: Uint8Array | undefined): Uint8Array | undefined {
    this.#workOut();
    const pending = this.#pending.get(key);
    return pending?.kind === "add" ? addToCounter(stored, pending.delta) : stored;
  }

  /**
   * The rows of a range, in key order: those of the store with this transaction's writes laid over them.
   * @throws InvariantError as `ownValue`
   */
  overlayRange(range: KeyStringRange, stored: readonly KeyValue[]): readonly KeyValue[] {
    this.#workOut();
    this.#assertReadable(range.begin, range.end);
    const own = this.#pendingIn(range);
    const rows: KeyValue[] = [];
    let next = 0;
    const emitOwn = (before: KeyString | undefined): void => {
      for (let name = own[next]; name !== undefined && (before === undefined || name < before); name = own[++next]) {
        this.#emit(rows, name, undefined);
      }
    };
    for (const row of stored) {
      const name = toKeyString(row.key);
      emitOwn(name);
      if (own[next] === name) {
        this.#emit(rows, name, row.value);
        next += 1;
      } else if (!this.#isCleared(name)) {
        rows.push(row);
      }
    }
    emitOwn(undefined);
    return rows;
  }

  /**
   * The parts of a range whose content the transaction does not determine by itself: reading the rest cannot conflict,
   * because what others write there makes no difference.
   */
  dependentParts(range: KeyStringRange): KeyStringRange[] {
    this.#workOut();
    const known: KeyStringRange[] = this.#cleared.filter((c) => c.begin < range.end && range.begin < c.end);
    for (const key of this.#pendingIn(range)) {
      if (this.#pending.get(key)?.kind === "value") {
        known.push({ begin: key, end: keyAfter(key) });
      }
    }
    const parts: KeyStringRange[] = [];
    let begin = range.begin;
    for (const part of coalesce(known)) {
      if (part.begin > begin) {
        parts.push({ begin, end: part.begin });
      }
      begin = part.end > begin ? part.end : begin;
    }
    if (begin < range.end) {
      parts.push({ begin, end: range.end });
    }
    return parts;
  }

  #workOut(): void {
    for (; this.#workedOut < this.mutations.length; this.#workedOut += 1) {
      const mutation = this.mutations[this.#workedOut];
      if (mutation !== undefined) {
        this.#apply(mutation);
      }
    }
  }

  #apply(mutation: Mutation): void {
    switch (mutation.type) {
      case "set":
        this.#put(toKeyString(mutation.key), { kind: "value", key: mutation.key, value: mutation.value });
        break;
      case "clear":
        this.#put(toKeyString(mutation.key), { kind: "value", key: mutation.key, value: undefined });
        break;
      case "clearRange":
        this.#applyClearRange(rangeName(mutation));
        break;
      case "add":
        this.#applyAdd(toKeyString(mutation.key), mutation.key, mutation.delta);
        break;
      case "stampKey":
        this.#hasStamps = true;
        this.#unreadable.push(stampedKeyRange(mutation.key, mutation.offset, VERSIONSTAMP_BYTES));
        break;
      case "stampValue":
        this.#hasStamps = true;
        this.#put(toKeyString(mutation.key), { kind: "unreadable", key: mutation.key });
        break;
    }
  }

  #applyClearRange(range: KeyStringRange): void {
    if (range.begin >= range.end) {
      return;
    }
    for (const key of this.#pending.keys()) {
      if (key >= range.begin && key < range.end) {
        this.#pending.delete(key);
        this.#sortedKeys = undefined;
      }
    }
    this.#clearedRanges.push(range);
    this.#isCoalesced = false;
  }

  #applyAdd(name: KeyString, key: Uint8Array, delta: bigint): void {
    const pending = this.#pending.get(name);
    if (pending?.kind === "unreadable") {
      return;
    }
    if (pending?.kind === "add") {
      this.#put(name, { kind: "add", key, delta: pending.delta + delta });
    } else if (pending !== undefined) {
      this.#put(name, { kind: "value", key, value: addToCounter(pending.value, delta) });
    } else if (this.#isCleared(name)) {
      this.#put(name, { kind: "value", key, value: encodeCounter(delta) });
    } else {
      this.#put(name, { kind: "add", key, delta });
    }
  }

  #emit(rows: KeyValue[], name: KeyString, stored: Uint8Array | undefined): void {
    const pending = this.#pending.get(name);
    const value = pending?.kind === "value" ? pending.value : this.overlay(name, stored);
    if (pending !== undefined && value !== undefined) {
      rows.push({ key: pending.key, value });
    }
  }

  #put(name: KeyString, pending: Pending): void {
    const size = this.#pending.size;
    this.#pending.set(name, pending);
    if (this.#pending.size !== size) {
      this.#sortedKeys = undefined;
    }
  }

  #pendingIn(range: KeyStringRange): KeyString[] {
    this.#sortedKeys ??= [...this.#pending.keys()].sort();
    const sorted = this.#sortedKeys;
    return sorted.slice(lowerBound(sorted, range.begin), lowerBound(sorted, range.end));
  }

  /** Ranges cleared, sorted and disjoint. */
  get #cleared(): readonly KeyStringRange[] {
    if (!this.#isCoalesced) {
      this.#clearedRanges = coalesce(this.#clearedRanges);
      this.#isCoalesced = true;
    }
    return this.#clearedRanges;
  }

  #isCleared(key: KeyString): boolean {
    return covers(this.#cleared, key);
  }

  #assertReadable(begin: KeyString, end: KeyString): void {
    if (!this.#hasStamps) {
      return;
    }
    const overlaps = (range: KeyStringRange): boolean => range.begin < end && begin < range.end;
    const stamped = this.#pendingIn({ begin, end }).some((key) => this.#pending.get(key)?.kind === "unreadable");
    if (stamped || this.#unreadable.some(overlaps)) {
      throw new InvariantError("a transaction reads what only its commit can tell: a versionstamp of its own");
    }
  }
}
