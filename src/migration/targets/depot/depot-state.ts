import type { ActorId } from "../../../formats/actor-id.ts";
import { decodeActorId } from "../../../formats/actor-id.ts";
import { decodeActorLife, type ActorLife } from "../../../formats/actor-life.ts";
import { actorStatePrefix } from "../../../formats/actor-state.ts";
import { concatBytes, prefixRange, u32be } from "../../../formats/bytes.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { decodeNamespaceId, type NamespaceId } from "../../../formats/namespace-id.ts";
import type { Transaction } from "../../../store/store.ts";
import type { Verdict } from "../../outcome.ts";
import { collect } from "../../v1/survey.ts";
import type { V2State } from "../target.ts";
import { readBucket, type Bucket } from "./depot-bucket.ts";
import { readDatabase } from "./depot-database.ts";
import { ENGINE_MAX_PAGES, type DepotOptions } from "./depot-options.ts";
import { poolObstacle } from "./depot-pool.ts";

/** Where an actor belongs, and what the engine knows of it; read serializably. */
export interface DepotPlace {
  readonly life: ActorLife;
  readonly namespace: NamespaceId | undefined;
  /** Undefined with the namespace. */
  readonly bucket: Bucket | undefined;
}

/** @throws FormatError `namespace_unknown` for a NAMESPACE_ID row that is none. */
export async function readPlace(tx: Transaction, id: ActorId, options: DepotOptions): Promise<DepotPlace> {
  const life = decodeActorLife(id, await collect(tx.getRange(prefixRange(actorStatePrefix(id)))));
  const namespace = life.namespaceId === undefined ? options.namespace : namespaceOf(life.namespaceId);
  const bucket = namespace === undefined ? undefined : await readBucket(tx, namespace);
  return { life, namespace, bucket };
}

/**
 * An actor's Depot state and every gate of DEPOT §7.2–7.4 that does not depend on the image, all read serializably: whoever writes
 * any of it conflicts with the transaction that acts on the answer.
 * @throws FormatError `v2_meta_undecodable`, `namespace_unknown`
 */
export async function readDepotState(tx: Transaction, id: ActorId, options: DepotOptions): Promise<V2State> {
  const { life, namespace, bucket } = await readPlace(tx, id, options);
  if (namespace === undefined || bucket === undefined) {
    if (life.destroyed) {
      return blocked(DESTROYED);
    }
    throw new FormatError("namespace_unknown", "The actor has no NAMESPACE_ID row, and the job names no namespace.");
  }
  const database = await readDatabase(tx, id, bucket.kind === "absent" ? undefined : bucket.bucketBranch);
  switch (database.kind) {
    case "present":
    case "legacy":
      return { kind: "migrated" };
    case "unfinished":
      return blocked(life.destroyed ? DESTROYED : tookOver(UNFINISHED));
    case "tombstone":
      return blocked(notLive("it says that the actor's database was deleted"));
    case "absent":
      break;
  }
  if (life.destroyed) {
    return blocked(DESTROYED);
  }
  if (bucket.kind === "not_live") {
    return blocked(notLive(bucket.detail));
  }
  if (life.version > 1 && life.hasUnknownRow) {
    return blocked(tookOver(UNKNOWN_ROW));
  }
  const detail = reasonAwake(life);
  if (detail !== undefined) {
    return blocked({ state: "deferred", reason: "actor_awake", detail });
  }
  const pool = await poolObstacle(tx, life, namespace, options);
  if (pool !== undefined) {
    return { kind: "blocked", ...pool };
  }
  return bucket.kind === "absent"
    ? { kind: "unprepared", ...engineBounds(life) }
    : { kind: "absent", basis: basisOf(life, bucket.bucketBranch), ...engineBounds(life) };
}

/** DESTROY_TS is never taken back, and the engine's next step removes the actor's whole key-value space. */
const DESTROYED: Verdict = { state: "skipped", reason: "destroyed" };

/** Why the engine's import is not over; docs/decisions/depot-gates.md has what is known of it. */
const UNFINISHED =
  "The engine has begun to import this actor itself, in several commits, and the last has not come yet.";
const UNKNOWN_ROW =
  "The engine has taken this actor over and keeps a row about it that Ferry does not know: it may be importing it itself.";

/** Beyond what FORMATS §6 asks: SLEEP_TS alone says that sleep is meant, its absence that the engine is not done (DEPOT §7.2). */
function reasonAwake(life: ActorLife): string | undefined {
  if (!life.known) {
    return undefined;
  }
  if (life.connectable || life.placed) {
    return "The actor is running or placed on a runner.";
  }
  return life.sleepTs === undefined ? "The actor has no SLEEP_TS: it crashed or waits to be placed." : undefined;
}

/** What of an actor the engine's own migration has a claim on: DEPOT R6. */
function engineBounds(life: ActorLife): { engineMigratesPages?: number; advice?: string } {
  if (life.version <= 1) {
    return {};
  }
  if (life.version > 2) {
    return { engineMigratesPages: Number.MAX_SAFE_INTEGER };
  }
  const workflow = workflowText(life.workflowId);
  return {
    engineMigratesPages: ENGINE_MAX_PAGES,
    advice: `The actor's workflow died on its size: wake it with \`rivet-engine wf wake ${workflow}\`.`,
  };
}

/** What else must be the same at the switch as when the copy began. SLEEP_TS is checked for every target. */
function basisOf(life: ActorLife, bucketBranch: Uint8Array): Uint8Array {
  const parts = [bucketBranch, life.workflowId, life.namespaceId, life.poolName, u32be(Math.min(life.version, 0xffff))];
  return concatBytes(
    ...parts.flatMap((part) =>
      part === undefined ? [Uint8Array.of(0)] : [Uint8Array.of(1), u32be(part.length), part],
    ),
  );
}

function namespaceOf(row: Uint8Array): NamespaceId {
  try {
    return decodeNamespaceId(row);
  } catch (error) {
    if (!(error instanceof FormatError)) {
      throw error;
    }
    throw new FormatError("namespace_unknown", "The actor's NAMESPACE_ID row is not an id.", { why: error.message });
  }
}

function workflowText(row: Uint8Array | undefined): string {
  try {
    return row === undefined ? "<workflow id>" : decodeActorId(row);
  } catch {
    return "<workflow id>";
  }
}

function blocked(verdict: Verdict): V2State {
  return { kind: "blocked", verdict };
}

function tookOver(detail: string): Verdict {
  return {
    state: "deferred",
    reason: "engine_took_over",
    detail: `${detail} See docs/runbooks/engine_took_over.md.`,
  };
}

function notLive(detail: string): Verdict {
  return {
    state: "rejected",
    reason: "bucket_not_live",
    detail: `The namespace's bucket takes no new database: ${detail}. See docs/runbooks/bucket_not_live.md.`,
  };
}
