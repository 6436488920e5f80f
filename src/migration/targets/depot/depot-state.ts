import { decodeActorId, type ActorId } from "../../../formats/actor-id.ts";
import type { ActorState } from "../../../formats/actor-state.ts";
import { concatBytes, equalBytes, u32be } from "../../../formats/bytes.ts";
import { assertFormatError, FormatError, formatErrorOf } from "../../../formats/format-error.ts";
import { decodeNamespaceId, type NamespaceId } from "../../../formats/namespace-id.ts";
import { UUID_BYTES } from "../../../formats/uuid.ts";
import type { Transaction } from "../../../store/store.ts";
import type { Verdict } from "../../outcome.ts";
import { readActorState } from "../../read-actor-state.ts";
import { assertNothingBeyondV1 } from "../storage/storage-head.ts";
import type { V2State } from "../target.ts";
import { readBucket, type Bucket } from "./depot-bucket.ts";
import { readDatabase, type DepotDatabase } from "./depot-database.ts";
import { depotImageKey } from "./depot-image-row.ts";
import { ENGINE_MAX_PAGES, type DepotOptions, type Place } from "./depot-options.ts";
import { poolObstacle, readPool, type Pool } from "./depot-pool.ts";
import { rememberedBucket } from "./find-branch.ts";

/** Where an actor belongs, and what the engine knows of it; read serializably. */
export interface DepotPlace {
  readonly actor: ActorState;
  readonly namespace: NamespaceId | undefined;
  /** Undefined with the namespace. */
  readonly bucket: Bucket | undefined;
}

/** @throws FormatError `namespace_unknown` for a NAMESPACE_ID row that is none. */
export async function readPlace(tx: Transaction, id: ActorId, options: DepotOptions): Promise<DepotPlace> {
  const actor = await readActorState(tx, id);
  const namespace = namespaceOfActor(actor, options);
  const bucket = namespace === undefined ? undefined : await readBucket(tx, namespace);
  return { actor, namespace, bucket };
}

/**
 * An actor's Depot state and every gate of DEPOT §7.2–7.4 that does not depend on the image, all read serializably: whoever writes
 * any of it conflicts with the transaction that acts on the answer. So does an engine that still commits to v2's older form.
 * @throws FormatError `v2_meta_undecodable`, `namespace_unknown`, `storage_v2_written`
 */
export async function readDepotState(tx: Transaction, id: ActorId, options: DepotOptions): Promise<V2State> {
  const { neighbour = {} } = options;
  const expected = neighbour.place;
  const [actor, beyondV1, ahead] = await Promise.all([
    readActorState(tx, id),
    assertNothingBeyondV1(tx, id).catch(formatErrorOf),
    expected === undefined ? undefined : readAhead(tx, id, expected),
  ]);
  const namespace = namespaceOfActor(actor, options);
  const there = namespace === expected?.namespace ? ahead : undefined;
  const bucket = namespace === undefined ? undefined : (there?.bucket ?? (await readBucket(tx, namespace)));
  if (namespace === undefined || bucket === undefined) {
    if (actor.destroyed) {
      return blocked(DESTROYED);
    }
    const remembered = await rememberedBucket(tx, id);
    if (remembered !== undefined && (await readDatabase(tx, id, remembered)).kind === "present") {
      return { kind: "migrated" };
    }
    throw new FormatError("namespace_unknown", "The actor has no NAMESPACE_ID row, and the job names no namespace.");
  }
  const bucketBranch = bucket.kind === "absent" ? undefined : bucket.bucketBranch;
  const database =
    there !== undefined && equalBytes(bucketBranch, expected?.bucketBranch)
      ? there.database
      : await readDatabase(tx, id, bucketBranch);
  if (database instanceof FormatError) {
    throw database;
  }
  switch (database.kind) {
    case "present":
    case "legacy":
      // Ferry switches when v1 has everything; the engine imports v1, or begins with nothing, whatever the older form has.
      if (beyondV1 !== undefined && !actor.destroyed && (await tx.get(depotImageKey(id))) === undefined) {
        throw beyondV1;
      }
      return { kind: "migrated" };
    case "unfinished":
      return blocked(actor.destroyed ? DESTROYED : tookOver(UNFINISHED));
    case "tombstone":
      return blocked(notLive("it says that the actor's database was deleted"));
    case "absent":
      break;
  }
  if (actor.destroyed) {
    return blocked(DESTROYED);
  }
  // Before all that time or an operator mends: v1 is not what is to be migrated, however often it is asked for.
  if (beyondV1 !== undefined) {
    throw beyondV1;
  }
  if (bucket.kind === "not_live") {
    return blocked(notLive(bucket.detail));
  }
  if (actor.version > 1 && actor.hasUnknownRow) {
    return blocked(tookOver(UNKNOWN_ROW));
  }
  const detail = reasonAwake(actor);
  if (detail !== undefined) {
    return blocked({ state: "deferred", reason: "actor_awake", detail });
  }
  const poolAhead = equalBytes(actor.poolName, expected?.poolName) ? there?.pool : undefined;
  const pool = await poolObstacle(tx, actor, namespace, { ...options, ahead: poolAhead });
  if (pool !== undefined) {
    return { kind: "blocked", ...pool };
  }
  if (bucket.kind === "live") {
    neighbour.place = { namespace, bucketBranch: bucket.bucketBranch, poolName: actor.poolName };
  }
  return bucket.kind === "absent"
    ? { kind: "unprepared", ...engineBounds(actor) }
    : { kind: "absent", basis: basisOf(actor, bucket.bucketBranch), ...engineBounds(actor) };
}

/**
 * What is read of an actor that belongs where the one before it did, all at once: one after the other each costs the time that the store takes
 * to answer. Of another actor it says nothing.
 */
async function readAhead(
  tx: Transaction,
  id: ActorId,
  { namespace, bucketBranch, poolName }: Place,
): Promise<{ bucket: Bucket; database: DepotDatabase | FormatError; pool: Pool | undefined }> {
  const [bucket, database, pool] = await Promise.all([
    readBucket(tx, namespace, bucketBranch),
    readDatabase(tx, id, bucketBranch).catch(formatErrorOf),
    poolName === undefined ? undefined : readPool(tx, namespace, poolName),
  ]);
  return { bucket, database, pool };
}

function namespaceOfActor(actor: ActorState, options: DepotOptions): NamespaceId | undefined {
  return actor.namespaceId === undefined ? options.namespace : namespaceOf(actor.namespaceId);
}

/** DESTROY_TS is never taken back, and the engine's next step removes the actor's whole key-value space. */
const DESTROYED: Verdict = { state: "skipped", reason: "destroyed" };

/** Why the engine's import is not over; docs/decisions/depot-gates.md has what is known of it. */
const UNFINISHED =
  "The engine has begun to import this actor itself, in several commits, and the last has not come yet.";
const UNKNOWN_ROW =
  "The engine has taken this actor over and keeps a row about it that Ferry does not know: it may be importing it itself.";

/** Beyond what FORMATS §6 asks: SLEEP_TS alone says that sleep is meant, its absence that the engine is not done (DEPOT §7.2). */
export function reasonAwake(actor: ActorState): string | undefined {
  if (!actor.asleep) {
    return "The actor is running or placed on a runner.";
  }
  return actor.provable ? undefined : "The actor has no SLEEP_TS: it crashed or waits to be placed.";
}

/** What of an actor the engine's own migration has a claim on: DEPOT R6. */
function engineBounds(actor: ActorState): { engineMigratesPages?: number; advice?: string } {
  if (actor.version <= 1) {
    return {};
  }
  if (actor.version > 2) {
    return { engineMigratesPages: Number.MAX_SAFE_INTEGER };
  }
  const workflow = workflowText(actor.workflowId);
  return {
    engineMigratesPages: ENGINE_MAX_PAGES,
    advice: `The actor's workflow died on its size: wake it with \`rivet-engine wf wake ${workflow}\`.`,
  };
}

/** The bucket branch that the actor's pointer goes under, as `basisOf` has it: first, behind a mark and its length. */
export function bucketBranchOf(basis: Uint8Array): Uint8Array {
  return basis.subarray(5, 5 + UUID_BYTES);
}

/** What else must be the same at the switch as when the copy began. SLEEP_TS is checked for every target. */
function basisOf(actor: ActorState, bucketBranch: Uint8Array): Uint8Array {
  const parts = [
    bucketBranch,
    actor.workflowId,
    actor.namespaceId,
    actor.poolName,
    u32be(Math.min(actor.version, 0xffff)),
  ];
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
    assertFormatError(error);
    throw new FormatError(
      "namespace_unknown",
      "The actor's NAMESPACE_ID row is not an id.",
      { why: error.message },
      error,
    );
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
