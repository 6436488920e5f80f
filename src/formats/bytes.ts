/** Up to here arrays share memory: of their own, each would cost the allocator and the garbage collector more than what is done with it. */
const SHARED_BYTES = 1024;
const SLAB_BYTES = 8192;
let slab = new ArrayBuffer(SLAB_BYTES);
let slabUsed = 0;

/** A new array of zeros, for keys and other small things many times over: eight times as fast as one with memory of its own. */
export function newBytes(length: number): Uint8Array {
  if (length > SHARED_BYTES) {
    return new Uint8Array(length);
  }
  if (slabUsed + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  const bytes = new Uint8Array(slab, slabUsed, length);
  slabUsed += length;
  return bytes;
}

/** Joins byte arrays into one new array. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) {
    length += part.length;
  }
  const joined = newBytes(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** The bytes of a text of ASCII characters. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = newBytes(text.length);
  for (let index = 0; index < text.length; index += 1) {
    bytes[index] = text.charCodeAt(index);
  }
  return bytes;
}

/** Byte order, as FoundationDB sorts keys: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export function equalBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) {
    return a === b;
  }
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Whether `prefix`, or its first `length` bytes, is what `bytes` hold from `at` on. */
export function startsWith(bytes: Uint8Array, prefix: Uint8Array, at = 0, length = prefix.length): boolean {
  if (bytes.length < at + length) {
    return false;
  }
  // Byte by byte: prefixes are short, and the view that Buffer.compare would need costs more than they do.
  for (let index = 0; index < length; index += 1) {
    if (bytes[at + index] !== prefix[index]) {
      return false;
    }
  }
  return true;
}

/**
 * The first key after every key that starts with `prefix`: the prefix with its last byte that is not 0xff raised by one.
 * A prefix of 0xff bytes only has no such key within the key space; it gives itself.
 */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) {
    length -= 1;
  }
  const last = prefix[length - 1];
  if (last === undefined) {
    return prefix;
  }
  const end = concatBytes(prefix.subarray(0, length));
  end[length - 1] = last + 1;
  return end;
}

/** All keys that start with `prefix`. */
export function prefixRange(prefix: Uint8Array): { begin: Uint8Array; end: Uint8Array } {
  return { begin: prefix, end: prefixEnd(prefix) };
}

/** The key right after `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  return concatBytes(key, new Uint8Array(1));
}

export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("hex");
}

/** Bytes of a hex string, or undefined when it is not one (odd length, foreign characters). */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
    return undefined;
  }
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** The same bytes as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The same bytes as a Uint8Array proper: of a Buffer, whose `slice` is a view and not a copy, which some codecs rely on. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A DataView over exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function u32be(value: number): Uint8Array {
  const bytes = newBytes(4);
  bytes[0] = value >>> 24;
  bytes[1] = value >>> 16;
  bytes[2] = value >>> 8;
  bytes[3] = value;
  return bytes;
}

export function u64be(value: bigint): Uint8Array {
  const bytes = newBytes(8);
  viewOf(bytes).setBigUint64(0, value);
  return bytes;
}

/** The big-endian integer in four bytes of a longer array. Without a view: an image has such a key for each of its pages. */
export function u32At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

/** The number a key ends in, when it is `prefix` and a u32; else undefined. */
export function trailingU32(key: Uint8Array, prefix: Uint8Array): number | undefined {
  return key.length === prefix.length + 4 && startsWith(key, prefix) ? u32At(key, prefix.length) : undefined;
}

/** The same of a u64. */
export function trailingU64(key: Uint8Array, prefix: Uint8Array): bigint | undefined {
  return key.length === prefix.length + 8 && startsWith(key, prefix)
    ? viewOf(key).getBigUint64(prefix.length)
    : undefined;
}

export const ASCII = new TextEncoder();
