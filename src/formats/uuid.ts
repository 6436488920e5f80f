import { equalBytes, toHex } from "./bytes.ts";

/* UUIDs as Depot's keys and records hold them: 16 raw bytes in RFC 4122 order. DEPOT §1.2. */

export const UUID_BYTES = 16;
/** The uuid of all zeros: the bucket branch under which pointers older than buckets lie. DEPOT §5.1. */
export const NIL_UUID: Uint8Array = new Uint8Array(UUID_BYTES);

/**
 * A random UUIDv4 from 16 random bytes. Its first byte is never 0xff: a key that goes on with it would lie outside the tuple
 * layer's range of its prefix, and the engine's catalog scans would not see it. DEPOT §1.1.
 */
export function makeUuid(random: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(random.subarray(0, UUID_BYTES));
  if (bytes[0] === 0xff) {
    bytes[0] = 0x7f;
  }
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
}

export function isNilUuid(uuid: Uint8Array): boolean {
  return equalBytes(uuid, NIL_UUID);
}

/** The usual text of a uuid, with dashes. */
export function formatUuid(uuid: Uint8Array): string {
  const hex = toHex(uuid);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
