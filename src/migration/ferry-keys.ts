import { ACTOR_ID_CHARACTERS, parseActorId, type ActorId } from "../formats/actor-id.ts";
import { asciiBytes, concatBytes } from "../formats/bytes.ts";
import { packTuple } from "../formats/tuple.ts";

/** Where Ferry keeps rows of its own, as a packed tuple: `("ferry")`. Nothing of the engine lives there. */
export const FERRY_PREFIX = packTuple("ferry");

const STRING_MARK = Uint8Array.of(0x02);
const STRING_END = Uint8Array.of(0x00);

/** A key of Ferry's own: the prefix and more tuple items. */
export function ferryKey(...items: readonly (string | number | bigint | Uint8Array)[]): Uint8Array {
  return concatBytes(FERRY_PREFIX, packTuple(...items));
}

/**
 * A key that ends in an actor's id as a tuple string, 02 | id | 00. The prefix is packed once for many actors: packing is most of what a
 * key costs.
 */
export function keyOfActor(prefix: Uint8Array, id: ActorId): Uint8Array {
  return concatBytes(prefix, STRING_MARK, asciiBytes(id), STRING_END);
}

/** The actor at the end of such a key. */
export function actorAtEnd(key: Uint8Array): ActorId {
  return parseActorId(Buffer.from(key.subarray(-ACTOR_ID_CHARACTERS - 1, -1)).toString("latin1"));
}

const LEASES = ferryKey("lease");
const LEASE_EXPIRIES = ferryKey("lease_expiry");

export function leaseKey(id: ActorId): Uint8Array {
  return keyOfActor(LEASES, id);
}

/** Apart from the lease, so that renewing it does not conflict with the writes that the lease fences. */
export function leaseExpiryKey(id: ActorId): Uint8Array {
  return keyOfActor(LEASE_EXPIRIES, id);
}
