import type { ActorId } from "./actor-id.ts";
import { concatBytes, equalBytes, startsWith, viewOf } from "./bytes.ts";
import { KEYWORD, packActorId, packTuple } from "./tuple.ts";

/*
 * The engine's rows about an actor's life, FORMATS §6 and DEPOT §7.2, under pack(RIVET, PEGBOARD, ACTOR, DATA, id, …):
 *
 *   CONNECTABLE            while it runs                          RUNNER_ID, ENVOY_KEY   while it is placed
 *   SLEEP_TS               i64 BE, at each sleep; cleared at wake DESTROY_TS             i64 BE
 *   WORKFLOW_ID            the workflow's id, 19 bytes            NAMESPACE_ID           19 bytes
 *   VERSION                u32 BE: absent or 1 = v1's workflow, 2 = actor2
 *   RUNNER_NAME_SELECTOR, POOL_NAME   the pool: of v1, of actor2; UTF-8
 */

const FIELD = {
  WORKFLOW_ID: 20,
  CONNECTABLE: 42,
  SLEEP_TS: 43,
  RUNNER_ID: 51,
  NAMESPACE_ID: 52,
  VERSION: 59,
  DESTROY_TS: 69,
  RUNNER_NAME_SELECTOR: 109,
  ENVOY_KEY: 116,
  POOL_NAME: 117,
} as const;

type Field = keyof typeof FIELD;
const WORDS = new Map((Object.keys(FIELD) as Field[]).map((field) => [field, packTuple(FIELD[field])] as const));
/** The rest of what engines up to the source of 2026-08-20 write about an actor: CREATE_TS, NAME, KEY, GENERATION. */
const UNREAD_WORDS = [15, 19, 78, 130].map((word) => packTuple(word));

const PREFIX = packTuple(KEYWORD.RIVET, KEYWORD.PEGBOARD, KEYWORD.ACTOR, KEYWORD.DATA);

/** What all rows about one actor's life start with. */
export function actorStatePrefix(id: ActorId): Uint8Array {
  return concatBytes(PREFIX, packActorId(id));
}

export function actorStateKey(id: ActorId, field: Field): Uint8Array {
  return concatBytes(actorStatePrefix(id), WORDS.get(field) ?? packTuple(FIELD[field]));
}

/** What the engine knows of an actor, its rows as they are where they only have to be the same later. */
export interface ActorState {
  /** Whether there is any row at all: else the engine does not know the actor. */
  readonly known: boolean;
  /** Neither running nor placed on a runner or an envoy. */
  readonly asleep: boolean;
  /** The SLEEP_TS row, which a later reading must repeat to prove that the actor has not woken since. */
  readonly sleepTs: Uint8Array | undefined;
  /**
   * Whether a later reading can prove that: by SLEEP_TS, or because the engine does not know the actor. One that crashed and waits to be
   * started again is not placed and has no SLEEP_TS, before it ran once more as after it crashed once more.
   */
  readonly provable: boolean;
  readonly destroyed: boolean;
  /** 1 for v1's workflow, 2 for actor2, which migrates by itself. */
  readonly version: number;
  readonly workflowId: Uint8Array | undefined;
  readonly namespaceId: Uint8Array | undefined;
  readonly poolName: Uint8Array | undefined;
  /** Whether there is a row that no engine known to Ferry writes: what a newer one means by it is not known. */
  readonly hasUnknownRow: boolean;
}

/** Reads an actor's state off all rows under `actorStatePrefix`; rows of others are passed over. */
export function decodeActorState(
  id: ActorId,
  rows: Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>,
): ActorState {
  const prefix = actorStatePrefix(id);
  const found = new Map<Field, Uint8Array>();
  let known = false;
  let hasUnknownRow = false;
  for (const { key, value } of rows) {
    if (!startsWith(key, prefix)) {
      continue;
    }
    known = true;
    const word = key.subarray(prefix.length);
    const field = fieldOf(word);
    // Rows below a key make an actor awake as the key itself does, but are no SLEEP_TS.
    if (field !== undefined && (field !== "SLEEP_TS" || equalBytes(word, WORDS.get("SLEEP_TS")))) {
      found.set(field, value);
    }
    hasUnknownRow ||= field === undefined && !UNREAD_WORDS.some((unread) => startsWith(word, unread));
  }
  const sleepTs = found.get("SLEEP_TS");
  return {
    known,
    asleep: !found.has("CONNECTABLE") && !found.has("RUNNER_ID") && !found.has("ENVOY_KEY"),
    sleepTs,
    provable: !known || sleepTs !== undefined,
    destroyed: found.has("DESTROY_TS"),
    version: versionOf(found.get("VERSION")),
    workflowId: found.get("WORKFLOW_ID"),
    namespaceId: found.get("NAMESPACE_ID"),
    poolName: found.get("POOL_NAME") ?? found.get("RUNNER_NAME_SELECTOR"),
    hasUnknownRow,
  };
}

/**
 * Whether the actor runs on v1, or is placed to: v1's workflow has it, and a runner has v1's database open or is about to. Actors of
 * actor2 are on envoys, which open v2 alone, in whichever form: docs/decisions/running-on-v1.md.
 */
export function runsOnV1({ asleep, version }: Pick<ActorState, "asleep" | "version">): boolean {
  return !asleep && version <= 1;
}

function fieldOf(word: Uint8Array): Field | undefined {
  for (const [field, packed] of WORDS) {
    if (startsWith(word, packed)) {
      return field;
    }
  }
  return undefined;
}

/** An unreadable version is none that is known: it counts as the engine's own. */
function versionOf(row: Uint8Array | undefined): number {
  if (row === undefined) {
    return 1;
  }
  return row.length === 4 ? viewOf(row).getUint32(0) : Number.MAX_SAFE_INTEGER;
}
