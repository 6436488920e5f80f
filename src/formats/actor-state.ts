import type { ActorId } from "./actor-id.ts";
import { concatBytes, startsWith } from "./bytes.ts";
import { KEYWORD, packActorId, packTuple } from "./tuple.ts";

/*
 * The engine's rows about an actor's life, FORMATS §6, under pack(RIVET, PEGBOARD, ACTOR, DATA, id, …):
 * CONNECTABLE (while it runs), RUNNER_ID or ENVOY_KEY (while it is placed), SLEEP_TS (i64 BE, at each sleep; cleared at wake).
 */

const PREFIX = packTuple(KEYWORD.RIVET, KEYWORD.PEGBOARD, KEYWORD.ACTOR, KEYWORD.DATA);

/** What all rows about one actor's life start with. */
export function actorStatePrefix(id: ActorId): Uint8Array {
  return concatBytes(PREFIX, packActorId(id));
}

export function actorStateKey(
  id: ActorId,
  word: "CONNECTABLE" | "RUNNER_ID" | "ENVOY_KEY" | "SLEEP_TS" | "DESTROY_TS",
): Uint8Array {
  return concatBytes(actorStatePrefix(id), packTuple(KEYWORD[word]));
}

/** Whether the actor sleeps, and the SLEEP_TS row that a later reading must repeat to prove it has not woken since. */
export interface ActorState {
  readonly asleep: boolean;
  readonly sleepTs: Uint8Array | undefined;
}

/** Reads an actor's state off all rows under `actorStatePrefix`. No rows at all counts as asleep. */
export function decodeActorState(
  id: ActorId,
  rows: Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>,
): ActorState {
  const awakeKeys = (["CONNECTABLE", "RUNNER_ID", "ENVOY_KEY"] as const).map((word) => actorStateKey(id, word));
  const sleepKey = actorStateKey(id, "SLEEP_TS");
  let asleep = true;
  let sleepTs: Uint8Array | undefined;
  for (const { key, value } of rows) {
    if (awakeKeys.some((awake) => startsWith(key, awake))) {
      asleep = false;
    }
    if (key.length === sleepKey.length && startsWith(key, sleepKey)) {
      sleepTs = value;
    }
  }
  return { asleep, sleepTs };
}
