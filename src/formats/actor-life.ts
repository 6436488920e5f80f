import type { ActorId } from "./actor-id.ts";
import { concatBytes, startsWith, viewOf } from "./bytes.ts";
import type { NamespaceId } from "./namespace-id.ts";
import { actorStatePrefix } from "./actor-state.ts";
import { packActorId, packTuple } from "./tuple.ts";

/*
 * More of the engine's rows about an actor, DEPOT §7.2, under pack(RIVET, PEGBOARD, ACTOR, DATA, id, …):
 *
 *   WORKFLOW_ID 20, the workflow's id, 19 bytes      VERSION 59, u32 BE: absent or 1 = v1's workflow, 2 = actor2
 *   NAMESPACE_ID 52, 19 bytes                        DESTROY_TS 69, i64 BE
 *   RUNNER_NAME_SELECTOR 109, POOL_NAME 117          the pool: of v1, of actor2; UTF-8
 *   CREATE_TS 15, NAME 19, KEY 78, GENERATION 130    not looked at
 *
 * and of a pool, the version of the protocol that its runners speak: absent while it is v1's. u16 BE under
 * pack(RIVET, NAMESPACE 39, RUNNER 46, CONFIG 90, DATA 4, namespace id, pool name, PROTOCOL_VERSION 106).
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

/** The rest of what engines up to the source of 2026-08-20 write about an actor. */
const UNREAD = [15, 19, 78, 130];

type Field = keyof typeof FIELD;
const POOL_CONFIG = packTuple(0, 39, 46, 90, 4);
const PROTOCOL_VERSION = packTuple(106);

/** What the engine knows of an actor, its rows as they are where they only have to be the same later. */
export interface ActorLife {
  /** Whether there is any row at all: else the engine does not know the actor. */
  readonly known: boolean;
  readonly connectable: boolean;
  /** Placed on a runner or an envoy. */
  readonly placed: boolean;
  readonly sleepTs: Uint8Array | undefined;
  readonly destroyed: boolean;
  /** 1 for v1's workflow, 2 for actor2, which migrates by itself. */
  readonly version: number;
  readonly workflowId: Uint8Array | undefined;
  readonly namespaceId: Uint8Array | undefined;
  readonly poolName: Uint8Array | undefined;
  /** Whether there is a row that no engine known to Ferry writes: what a newer one means by it is not known. */
  readonly hasUnknownRow: boolean;
}

export function actorLifeKey(id: ActorId, field: Field): Uint8Array {
  return concatBytes(actorStatePrefix(id), packTuple(FIELD[field]));
}

/** Reads an actor's life off all rows under `actorStatePrefix`. */
export function decodeActorLife(
  id: ActorId,
  rows: Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>,
): ActorLife {
  const found = new Map<Field, Uint8Array>();
  const fields = Object.keys(FIELD) as Field[];
  const keys = fields.map((field) => [field, actorLifeKey(id, field)] as const);
  const unread = UNREAD.map((word) => concatBytes(actorStatePrefix(id), packTuple(word)));
  let known = false;
  let hasUnknownRow = false;
  for (const { key, value } of rows) {
    known = true;
    const field = keys.find(([, fieldKey]) => startsWith(key, fieldKey))?.[0];
    if (field !== undefined) {
      found.set(field, value);
    } else if (!unread.some((unreadKey) => startsWith(key, unreadKey))) {
      hasUnknownRow = true;
    }
  }
  return {
    known,
    connectable: found.has("CONNECTABLE"),
    placed: found.has("RUNNER_ID") || found.has("ENVOY_KEY"),
    sleepTs: found.get("SLEEP_TS"),
    destroyed: found.has("DESTROY_TS"),
    version: versionOf(found.get("VERSION")),
    workflowId: found.get("WORKFLOW_ID"),
    namespaceId: found.get("NAMESPACE_ID"),
    poolName: found.get("POOL_NAME") ?? found.get("RUNNER_NAME_SELECTOR"),
    hasUnknownRow,
  };
}

/** Where a pool's PROTOCOL_VERSION lies. */
export function poolProtocolKey(namespace: NamespaceId, poolName: Uint8Array): Uint8Array {
  // The name goes in as a tuple string from its bytes, which need not be UTF-8 that survives decoding: 02, bytes, 00.
  const name = [...poolName].flatMap((byte) => (byte === 0 ? [0, 0xff] : [byte]));
  const id = packActorId(namespace as string as ActorId);
  return concatBytes(POOL_CONFIG, id, Uint8Array.of(0x02, ...name, 0x00), PROTOCOL_VERSION);
}

/** An unreadable version is none that is known: it counts as the engine's own. */
function versionOf(row: Uint8Array | undefined): number {
  if (row === undefined) {
    return 1;
  }
  return row.length === 4 ? viewOf(row).getUint32(0) : Number.MAX_SAFE_INTEGER;
}
