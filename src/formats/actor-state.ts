import type { ActorId } from "./actor-id.ts";
import { concatBytes, equalBytes, startsWith } from "./bytes.ts";
import { KEYWORD, packActorId, packTuple } from "./tuple.ts";

/*
 * The engine's rows about an actor's life, FORMATS §6, under pack(RIVET, PEGBOARD, ACTOR, DATA, id, …):
 * CONNECTABLE (while it runs), RUNNER_ID or ENVOY_KEY (while it is placed), SLEEP_TS (i64 BE, at each sleep; cleared at wake).
 */

const PREFIX = packTuple(KEYWORD.RIVET, KEYWORD.PEGBOARD, KEYWORD.ACTOR, KEYWORD.DATA);

const AWAKE_WORDS = [packTuple(KEYWORD.CONNECTABLE), packTuple(KEYWORD.RUNNER_ID), packTuple(KEYWORD.ENVOY_KEY)];
const SLEEP_WORD = packTuple(KEYWORD.SLEEP_TS);

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
  /**
   * Whether a later reading can prove that: by SLEEP_TS, or because the engine does not know the actor. One that crashed and waits to be
   * started again is not placed and has no SLEEP_TS, before it ran once more as after it crashed once more.
   */
  readonly provable: boolean;
}

/** Reads an actor's state off all rows under `actorStatePrefix`. No rows at all counts as asleep. */
export function decodeActorState(
  id: ActorId,
  rows: Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>,
): ActorState {
  const prefix = actorStatePrefix(id);
  let known = false;
  let asleep = true;
  let sleepTs: Uint8Array | undefined;
  for (const { key, value } of rows) {
    if (!startsWith(key, prefix)) {
      continue;
    }
    known = true;
    const word = key.subarray(prefix.length);
    if (AWAKE_WORDS.some((awake) => startsWith(word, awake))) {
      asleep = false;
    }
    if (equalBytes(word, SLEEP_WORD)) {
      sleepTs = value;
    }
  }
  return { asleep, sleepTs, provable: !known || sleepTs !== undefined };
}
