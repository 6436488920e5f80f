import type { ActorId } from "../formats/actor-id.ts";
import { runsOnV1 } from "../formats/actor-state.ts";
import { equalBytes } from "../formats/bytes.ts";
import { assertFormatError } from "../formats/format-error.ts";
import type { MigrationContext } from "./context.ts";
import { ferryKey } from "./ferry-keys.ts";
import { hasImage, isAsSeen, readMigratedActor, type MigratedActor } from "./migrated-actor.ts";
import { changeInV1 } from "./v1-change.ts";
import { v1Range } from "./v1/v1-keys.ts";
import { checkV2, isAsMigrated } from "./v2-image.ts";

/**
 * Why an actor's v1 rows stay.
 *
 * - `not_migrated`: the ledger does not say that Ferry migrated it.
 * - `superseded`: Ferry has brought it to another form of v2 since, and that image says when v1 can go.
 * - `not_verified`: it was migrated with verification off.
 * - `on_hold`: not enough time has gone by since.
 * - `runs_on_v1`: an old runner has the actor, and v1 open; it may only have read so far.
 * - `v2_not_clean`: v2 holds no complete image, it cannot be read to its end, it is not what was migrated though nothing has written it,
 *   it is another database than Ferry's migration made, or SQLite finds something wrong with it.
 * - `v1_changed`: v1 was written since the migration, or has rows that no migration has looked at; v2 does not have that, and v1's rows are
 *   the only copy.
 * - `written_meanwhile`: it woke, or was written, while it was checked, or the store did not let the removal through, as often as that
 *   was tried.
 * - `no_v1_data`: nothing is left to remove.
 */
export type CleanupRefusal =
  | "not_migrated"
  | "superseded"
  | "not_verified"
  | "on_hold"
  | "runs_on_v1"
  | "v2_not_clean"
  | "v1_changed"
  | "written_meanwhile"
  | "no_v1_data";

export type CleanupResult =
  | { readonly kind: "removable" | "removed"; readonly id: ActorId }
  | { readonly kind: "refused"; readonly id: ActorId; readonly reason: CleanupRefusal };

export interface CleanupOptions {
  /** Least time since the migration. */
  readonly holdMs: number;
  /** Without it nothing is removed, only said. */
  readonly delete: boolean;
  readonly who: string;
  /** Why, in their words. */
  readonly reason?: string;
}

/** What is kept of a cleanup. */
export interface CleanupRecord {
  /** RFC 3339. */
  readonly at: string;
  readonly who: string;
  readonly reason?: string;
  /** Of the image that was migrated, in hex. */
  readonly sha256?: string;
}

/** How often an actor is checked that is written meanwhile. */
const MAX_ROUNDS = 3;

/** The row that says that, when and by whom an actor's v1 rows were removed: a `CleanupRecord` in JSON. */
export function cleanupKey(id: ActorId): Uint8Array {
  return ferryKey("cleanup", id);
}

/**
 * Removes the SQLite rows of an actor's v1 storage, and nothing else of its key-value space, once its v2 image has proved itself and v1
 * has proved to hold nothing but what was migrated. In one transaction that sees, serializably, that nothing happened to the actor while
 * that was checked, and records the deletion; there is no way back from here.
 */
export async function cleanupActor(
  context: MigrationContext,
  id: ActorId,
  options: CleanupOptions,
  signal: AbortSignal,
): Promise<CleanupResult> {
  const nowMs = context.now();
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const seen = await context.store.transact((tx) => readMigratedActor(context, tx, id), { label: "cleanup", signal });
    // Before any image is read: whoever goes on after an interruption must not check all that was removed again.
    const refusal = reasonInRows(seen, options, nowMs);
    if (refusal !== undefined) {
      return { kind: "refused", id, reason: refusal };
    }
    const reason = await reasonInImages(context, id, seen, signal);
    const result = await removeAsSeen(context, id, { seen, reason, options, nowMs }, signal);
    if (result !== undefined) {
      return result;
    }
  }
  return { kind: "refused", id, reason: "written_meanwhile" };
}

/** What the ledger and the actor's own few rows say. */
function reasonInRows(
  { outcome, isSuperseded, v1, state }: MigratedActor,
  { holdMs }: CleanupOptions,
  nowMs: number,
): CleanupRefusal | undefined {
  if (outcome?.state !== "migrated") {
    return "not_migrated";
  }
  if (isSuperseded) {
    return "superseded";
  }
  if (outcome.verified !== true) {
    return "not_verified";
  }
  if (nowMs - Date.parse(outcome.finishedAt) < holdMs) {
    return "on_hold";
  }
  if (v1 === undefined) {
    return "no_v1_data";
  }
  return runsOnV1(state) ? "runs_on_v1" : undefined;
}

/** v1 comes last: the less time until its rows are removed, the better. */
async function reasonInImages(
  context: MigrationContext,
  id: ActorId,
  seen: MigratedActor,
  signal: AbortSignal,
): Promise<CleanupRefusal | undefined> {
  if (!(await opensClean(context, id, seen, signal))) {
    return "v2_not_clean";
  }
  return (await changeInV1(context, id, seen, signal)) === undefined ? undefined : "v1_changed";
}

/** Whether v2 can be read to its end, is what was migrated or what became of that, and SQLite finds nothing wrong with it. */
async function opensClean(
  context: MigrationContext,
  id: ActorId,
  seen: MigratedActor,
  signal: AbortSignal,
): Promise<boolean> {
  if (!hasImage(seen)) {
    return false;
  }
  try {
    const { origin, pages } = seen.v2;
    const isExpected =
      origin === "ferry_written_since" || (origin === "ferry" && (await isAsMigrated(context, id, seen, signal)));
    return isExpected && (await checkV2(context, id, { pages, mode: "quick" }, signal)).ok;
  } catch (error) {
    assertFormatError(error);
    return false;
  }
}

/** Undefined where the actor is not as it was seen: what was found in its images then says nothing. */
async function removeAsSeen(
  context: MigrationContext,
  id: ActorId,
  check: { seen: MigratedActor; reason: CleanupRefusal | undefined; options: CleanupOptions; nowMs: number },
  signal: AbortSignal,
): Promise<CleanupResult | undefined> {
  const { seen, options, nowMs } = check;
  let runs = 0;
  return context.store.transact(
    async (tx) => {
      runs += 1;
      const now = await readMigratedActor(context, tx, id);
      const record = encodeRecord(options, nowMs, now.outcome?.sha256);
      if (runs > 1 && now.v1 === undefined && equalBytes(await tx.get(cleanupKey(id)), record)) {
        // A commit whose result was unknown did happen.
        return { kind: "removed", id } as const;
      }
      // A body that runs again may have lost to somebody who wrote v1.
      const isUnchanged = runs === 1 && isAsSeen(seen, now);
      const reason = reasonInRows(now, options, nowMs) ?? (isUnchanged ? check.reason : undefined);
      if (reason !== undefined) {
        return { kind: "refused", id, reason } as const;
      }
      if (!isUnchanged) {
        return undefined;
      }
      if (!options.delete) {
        return { kind: "removable", id } as const;
      }
      // Whoever writes any of it from here on conflicts.
      tx.addReadConflictRange(v1Range(id));
      tx.clearRange(v1Range(id));
      tx.set(cleanupKey(id), record);
      return { kind: "removed", id } as const;
    },
    { label: "cleanup", signal },
  );
}

function encodeRecord({ who, reason }: CleanupOptions, nowMs: number, sha256: string | undefined): Uint8Array {
  const at = new Date(nowMs).toISOString();
  const why = reason === undefined ? {} : { reason };
  const record: CleanupRecord = { at, who, ...why, ...(sha256 === undefined ? {} : { sha256 }) };
  return new TextEncoder().encode(JSON.stringify(record));
}
