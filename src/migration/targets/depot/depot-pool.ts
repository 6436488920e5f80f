import type { ActorState } from "../../../formats/actor-state.ts";
import { concatBytes, equalBytes, viewOf } from "../../../formats/bytes.ts";
import type { NamespaceId } from "../../../formats/namespace-id.ts";
import { poolProtocolKey } from "../../../formats/runner-pool-keys.ts";
import type { KeyValue, Transaction } from "../../../store/store.ts";
import { ferryKey } from "../../ferry-keys.ts";
import type { Verdict } from "../../outcome.ts";
import { PROTOCOL_SETTLE_MS, type DepotOptions } from "./depot-options.ts";

/*
 * DEPOT R1: an actor that wakes on a runner of v1's protocol writes v1, and the engine's later migration skips it because it finds
 * Ferry's head: those writes are lost. So a switch needs the pool's PROTOCOL_VERSION, known to all engines, and drained runners.
 * The engine caches the row for 5 s and it has no time in it, so Ferry remembers when it first saw it:
 *
 *   ("ferry", "depot_pool", PROTOCOL_VERSION's key)     i64 BE, ms since the epoch | PROTOCOL_VERSION's value
 */

/** Why the pool does not allow a switch, and what to remember of it. */
export interface PoolObstacle {
  readonly verdict: Verdict;
  readonly remember?: KeyValue;
}

/** A pool, by the actor's row that names it. */
export interface Pool {
  /** Where Ferry remembers when it saw PROTOCOL_VERSION. */
  readonly seenKey: Uint8Array;
  /** PROTOCOL_VERSION; undefined while it is v1's. */
  readonly protocol: Uint8Array | undefined;
  /** When Ferry first saw this value, ms since the epoch; undefined when it has not. */
  readonly seenAtMs: number | undefined;
}

export async function readPool(tx: Transaction, namespace: NamespaceId, poolName: Uint8Array): Promise<Pool> {
  const protocolKey = poolProtocolKey(namespace, poolName);
  const seenKey = ferryKey("depot_pool", protocolKey);
  const [protocol, seen] = await Promise.all([tx.get(protocolKey), tx.get(seenKey)]);
  const isOfThis = seen !== undefined && protocol !== undefined && equalBytes(seen.subarray(8), protocol);
  return { seenKey, protocol, seenAtMs: isOfThis ? Number(viewOf(seen).getBigInt64(0)) : undefined };
}

/** Reads the pool's state, serializably, unless it was read `ahead`. Undefined when it allows the switch. */
export async function poolObstacle(
  tx: Transaction,
  actor: ActorState,
  namespace: NamespaceId,
  options: DepotOptions & { readonly ahead: Pool | undefined },
): Promise<PoolObstacle | undefined> {
  if (!actor.known) {
    // No engine knows the actor, so none can wake it: rows that were put in by hand.
    return undefined;
  }
  if (actor.poolName === undefined) {
    return onV1("The actor has no row that names its pool.");
  }
  const { seenKey, protocol, seenAtMs } = options.ahead ?? (await readPool(tx, namespace, actor.poolName));
  if (protocol === undefined) {
    return onV1("The actor's pool has no PROTOCOL_VERSION: its runners speak v1's protocol.");
  }
  if (options.takesPoolsForSettled !== true) {
    const nowMs = options.now();
    if (seenAtMs === undefined) {
      return { ...onV1(NEW), remember: { key: seenKey, value: concatBytes(encodeTime(nowMs), protocol) } };
    }
    if (nowMs < seenAtMs + (options.protocolSettleMs ?? PROTOCOL_SETTLE_MS)) {
      return onV1(RECENT);
    }
  }
  if (options.runnersDrained !== true) {
    return onV1("Nobody has declared that the pool's runners of v1's protocol are drained.");
  }
  return undefined;
}

/** Also what a look that remembers nothing finds, however often. */
const NEW = "No worker has seen the pool's PROTOCOL_VERSION before: the engine may not have noticed it yet.";
const RECENT = "The pool's PROTOCOL_VERSION was first seen a moment ago: the engine may not have noticed it yet.";

function onV1(detail: string): PoolObstacle {
  return { verdict: { state: "deferred", reason: "pool_on_v1", detail: `${detail} See docs/runbooks/pool_on_v1.md.` } };
}

function encodeTime(ms: number): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigInt64(0, BigInt(ms));
  return bytes;
}
