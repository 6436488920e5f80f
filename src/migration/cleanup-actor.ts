import type { ActorId } from "../formats/actor-id.ts";
import type { Transaction } from "../store/store.ts";
import type { MigrationContext } from "./context.ts";
import { ferryKey } from "./ferry-keys.ts";
import { opensClean } from "./verify-actor.ts";
import { collect } from "./v1/survey.ts";
import { v1Range } from "./v1/v1-keys.ts";

/**
 * Why an actor's v1 rows stay.
 *
 * - `not_migrated`: the ledger does not say that Ferry migrated it, or v2 holds no complete image.
 * - `not_verified`: it was migrated with verification off.
 * - `on_hold`: not enough time has gone by since.
 * - `v2_not_clean`: v2 cannot be read to its end, or SQLite finds something wrong with it.
 * - `no_v1_data`: nothing is left to remove.
 */
export type CleanupRefusal = "not_migrated" | "not_verified" | "on_hold" | "v2_not_clean" | "no_v1_data";

export type CleanupResult =
  | { readonly kind: "removable" | "removed"; readonly id: ActorId }
  | { readonly kind: "refused"; readonly id: ActorId; readonly reason: CleanupRefusal };

export interface CleanupOptions {
  /** Least time since the migration. */
  readonly holdMs: number;
  /** Without it nothing is removed, only said. */
  readonly delete: boolean;
  readonly who: string;
}

/** The row that says that, when and by whom an actor's v1 rows were removed; JSON. */
export function cleanupKey(id: ActorId): Uint8Array {
  return ferryKey("cleanup", id);
}

/**
 * Removes the SQLite rows of an actor's v1 storage, and nothing else of its key-value space, once its v2 image has proved itself. In one
 * transaction that reads the ledger and v2's head serializably and records the deletion; there is no way back from here.
 */
export async function cleanupActor(
  context: MigrationContext,
  id: ActorId,
  options: CleanupOptions,
  signal: AbortSignal,
): Promise<CleanupResult> {
  const nowMs = context.now();
  const { outcome, hasV1 } = await context.store.transact(
    async (tx) => ({ outcome: await context.ledger.read(tx, id), hasV1: await hasRows(tx, id) }),
    { label: "cleanup", signal },
  );
  if (outcome?.state !== "migrated") {
    return { kind: "refused", id, reason: "not_migrated" };
  }
  if (outcome.verified !== true) {
    return { kind: "refused", id, reason: "not_verified" };
  }
  if (nowMs - Date.parse(outcome.finishedAt) < options.holdMs) {
    return { kind: "refused", id, reason: "on_hold" };
  }
  // Before v2 is read to its end: whoever goes on after an interruption must not check all that was removed again.
  if (!hasV1) {
    return { kind: "refused", id, reason: "no_v1_data" };
  }
  if (!(await opensClean(context, id, "quick", signal))) {
    return { kind: "refused", id, reason: "v2_not_clean" };
  }
  return context.store.transact(
    async (tx) => {
      const [state, current, stillHasV1] = await Promise.all([
        context.target.readState(tx, id),
        context.ledger.read(tx, id),
        hasRows(tx, id),
      ]);
      if (!stillHasV1) {
        return { kind: "refused", id, reason: "no_v1_data" } as const;
      }
      if (current?.state !== "migrated" || (state.kind !== "migrated" && state.kind !== "native")) {
        return { kind: "refused", id, reason: "not_migrated" } as const;
      }
      if (!options.delete) {
        return { kind: "removable", id } as const;
      }
      tx.clearRange(v1Range(id));
      const record = { at: new Date(nowMs).toISOString(), who: options.who, sha256: current.sha256 };
      tx.set(cleanupKey(id), new TextEncoder().encode(JSON.stringify(record)));
      return { kind: "removed", id } as const;
    },
    { label: "cleanup", signal },
  );
}

async function hasRows(tx: Transaction, id: ActorId): Promise<boolean> {
  return (await collect(tx.getRange(v1Range(id), { limit: 1 }))).length > 0;
}
