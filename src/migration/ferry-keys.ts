import type { ActorId } from "../formats/actor-id.ts";
import { concatBytes } from "../formats/bytes.ts";
import { packTuple } from "../formats/tuple.ts";

/** Where Ferry keeps rows of its own, as a packed tuple: `("ferry")`. Nothing of the engine lives there. */
export const FERRY_PREFIX = packTuple("ferry");

/** A key of Ferry's own: the prefix and more tuple items. */
export function ferryKey(...items: readonly (string | number | bigint | Uint8Array)[]): Uint8Array {
  return concatBytes(FERRY_PREFIX, packTuple(...items));
}

export function leaseKey(id: ActorId): Uint8Array {
  return ferryKey("lease", id);
}

/** Apart from the lease, so that renewing it does not conflict with the writes that the lease fences. */
export function leaseExpiryKey(id: ActorId): Uint8Array {
  return ferryKey("lease_expiry", id);
}
