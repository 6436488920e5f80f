import * as bare from "@bare-ts/lib";
import { FormatError } from "./format-error.ts";
import { newBytes, toHex } from "./bytes.ts";
import { UUID_BYTES } from "./uuid.ts";

/*
 * What Depot's records have in common, DEPOT §2.1: version u16 LE = 1, then BARE: integers little-endian and of fixed width,
 * a uuid as data (its length, 0x10, before it), an option as 00 or 01 and the value, an enum as a varint of one byte,
 * a versionstamp as 16 bytes without a length.
 */

const VERSION = 1;
/** What the longest record takes, and more: the cursor grows when it has to. */
const MOST_BYTES = 128;
const CONFIG = bare.Config({});
export const STAMP_BYTES = 16;
/** Stands for a versionstamp that the commit puts in: ten bytes that it replaces, and six that stay. DEPOT §3. */
export const STAMP_PLACEHOLDER: Uint8Array = Uint8Array.of(...new Array<number>(10).fill(0xff), 0, 0, 0, 0, 0, 0);

/** Writes one record. */
export class RecordWriter {
  readonly #cursor = new bare.ByteCursor(newBytes(MOST_BYTES), CONFIG);

  constructor() {
    bare.writeU16(this.#cursor, VERSION);
  }

  uuid(value: Uint8Array): this {
    bare.writeU8Array(this.#cursor, value);
    return this;
  }

  /** An option without a value. */
  none(): this {
    bare.writeU8(this.#cursor, 0);
    return this;
  }

  stamp(value: Uint8Array): this {
    bare.writeU8FixedArray(this.#cursor, value);
    return this;
  }

  u8(value: number): this {
    bare.writeU8(this.#cursor, value);
    return this;
  }

  u32(value: number): this {
    bare.writeU32(this.#cursor, value);
    return this;
  }

  u64(value: bigint): this {
    bare.writeU64(this.#cursor, value);
    return this;
  }

  i64(value: bigint): this {
    bare.writeI64(this.#cursor, value);
    return this;
  }

  end(): Uint8Array {
    return this.#cursor.bytes.slice(0, this.#cursor.offset);
  }
}

/** Reads one record field by field; any field that does not fit throws `depot_record_invalid`. */
export class RecordReader {
  readonly #cursor: bare.ByteCursor;

  constructor(bytes: Uint8Array) {
    // Not the caller's array: of a Buffer, BARE's own `slice` would give views.
    this.#cursor = new bare.ByteCursor(Uint8Array.from(bytes), CONFIG);
    if (bare.readU16(this.#cursor) !== VERSION) {
      throw new bare.BareError(0, "the version is not 1");
    }
  }

  uuid(): Uint8Array {
    const value = bare.readU8Array(this.#cursor);
    if (value.length !== UUID_BYTES) {
      throw new bare.BareError(this.#cursor.offset, "a uuid is not of 16 bytes");
    }
    return value;
  }

  option<T>(read: () => T): T | undefined {
    return bare.readBool(this.#cursor) ? read() : undefined;
  }

  stamp(): Uint8Array {
    return bare.readU8FixedArray(this.#cursor, STAMP_BYTES);
  }

  u8(): number {
    return bare.readU8(this.#cursor);
  }

  u32(): number {
    return bare.readU32(this.#cursor);
  }

  u64(): bigint {
    return bare.readU64(this.#cursor);
  }

  i64(): bigint {
    return bare.readI64(this.#cursor);
  }

  /** An enum without values in it. */
  oneOf<T>(values: readonly T[]): T {
    const value = values[this.u8()];
    if (value === undefined) {
      throw new bare.BareError(this.#cursor.offset, "an enum has no such value");
    }
    return value;
  }

  text(): string {
    return bare.readString(this.#cursor);
  }

  end(): void {
    if (this.#cursor.offset !== this.#cursor.bytes.length) {
      throw new bare.BareError(this.#cursor.offset, "bytes are left over");
    }
  }
}

/** Reads a whole record. @throws FormatError `depot_record_invalid` for anything that is not exactly one. */
export function decodeRecord<T>(name: string, bytes: Uint8Array, read: (reader: RecordReader) => T): T {
  try {
    const reader = new RecordReader(bytes);
    const record = read(reader);
    reader.end();
    return record;
  } catch (error) {
    if (!(error instanceof bare.BareError)) {
      throw error;
    }
    const details = { record: name, why: error.message, bytes: toHex(bytes.subarray(0, 128)) };
    throw new FormatError("depot_record_invalid", "A record of Depot's cannot be read.", details, error);
  }
}
