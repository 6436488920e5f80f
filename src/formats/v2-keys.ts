import type { ActorId } from "./actor-id.ts";
import { ASCII, asciiBytes, concatBytes, u32be, u64be } from "./bytes.ts";
import { KEYWORD, packTuple } from "./tuple.ts";

/*
 * Logical keys of v2's sqlite-storage, FORMATS §4. A = 02 | the id's 30 characters.
 *
 *   A/META    A/DELTA/txid u64 BE/chunk u32 BE    A/PIDX/delta/pgno u32 BE    A/SHARD/shard u32 BE
 */

export const V2_SUBSPACE = concatBytes(packTuple(KEYWORD.RIVET, KEYWORD.PEGBOARD, "sqlite-storage"));

const ACTOR_MARK = new Uint8Array([0x02]);
/** What follows the actor in its keys, by kind. */
export const META = ASCII.encode("/META");
export const DELTA = ASCII.encode("/DELTA/");
export const PIDX = ASCII.encode("/PIDX/delta/");
export const SHARD = ASCII.encode("/SHARD/");
const SLASH = ASCII.encode("/");

/** Lengths of logical keys, for `sqlite_storage_used`. */
export const META_KEY_BYTES = 31 + 5;
export const PIDX_KEY_BYTES = 31 + 12 + 4;
export const PIDX_VALUE_BYTES = 8;

export function v2ActorPrefix(id: ActorId): Uint8Array {
  return concatBytes(ACTOR_MARK, asciiBytes(id));
}

export function metaKey(id: ActorId): Uint8Array {
  return concatBytes(v2ActorPrefix(id), META);
}

export function deltaPrefix(id: ActorId): Uint8Array {
  return concatBytes(v2ActorPrefix(id), DELTA);
}

export function deltaTxidPrefix(id: ActorId, txid: bigint): Uint8Array {
  return concatBytes(deltaPrefix(id), u64be(txid), SLASH);
}

export function deltaKey(id: ActorId, txid: bigint, chunk: number): Uint8Array {
  return concatBytes(deltaTxidPrefix(id, txid), u32be(chunk));
}

export function pidxPrefix(id: ActorId): Uint8Array {
  return concatBytes(v2ActorPrefix(id), PIDX);
}

export function pidxKey(id: ActorId, pgno: number): Uint8Array {
  return concatBytes(pidxPrefix(id), u32be(pgno));
}

export function shardPrefix(id: ActorId): Uint8Array {
  return concatBytes(v2ActorPrefix(id), SHARD);
}

export function shardKey(id: ActorId, shard: number): Uint8Array {
  return concatBytes(shardPrefix(id), u32be(shard));
}
