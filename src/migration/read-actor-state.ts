import type { ActorId } from "../formats/actor-id.ts";
import { actorStatePrefix, decodeActorState, type ActorState } from "../formats/actor-state.ts";
import { prefixRange } from "../formats/bytes.ts";
import { readRows } from "../store/read-rows.ts";
import type { Transaction } from "../store/store.ts";

/** What the engine knows of an actor, read serializably: who changes it conflicts. */
export async function readActorState(tx: Transaction, id: ActorId): Promise<ActorState> {
  return decodeActorState(id, await readRows(tx, prefixRange(actorStatePrefix(id))));
}
