import type { ActorId } from "./actor-id.ts";
import { concatBytes } from "./bytes.ts";
import type { NamespaceId } from "./namespace-id.ts";
import { packActorId, packTuple } from "./tuple.ts";

/*
 * Of a pool, the version of the protocol that its runners speak, DEPOT §7.2: absent while it is v1's. u16 BE under
 * pack(RIVET, NAMESPACE 39, RUNNER 46, CONFIG 90, DATA 4, namespace id, pool name, PROTOCOL_VERSION 106).
 */

const POOL_CONFIG = packTuple(0, 39, 46, 90, 4);
const PROTOCOL_VERSION = packTuple(106);

/** Where a pool's PROTOCOL_VERSION lies. */
export function poolProtocolKey(namespace: NamespaceId, poolName: Uint8Array): Uint8Array {
  // The name goes in as a tuple string from its bytes, which need not be UTF-8 that survives decoding: 02, bytes, 00.
  const name = [...poolName].flatMap((byte) => (byte === 0 ? [0, 0xff] : [byte]));
  const id = packActorId(namespace as string as ActorId);
  return concatBytes(POOL_CONFIG, id, Uint8Array.of(0x02, ...name, 0x00), PROTOCOL_VERSION);
}
