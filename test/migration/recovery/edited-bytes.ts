/** Bytes cut or filled up with zeros to a size. */
export function resized(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  result.set(bytes.subarray(0, size));
  return result;
}

/** A copy with bytes put at an offset, longer if need be. */
export function written(bytes: Uint8Array, offset: number, more: Uint8Array): Uint8Array {
  const result = resized(bytes, Math.max(bytes.length, offset + more.length));
  result.set(more, offset);
  return result;
}
