import type { ActorId } from "../formats/actor-id.ts";
import { assertFormatError } from "../formats/format-error.ts";
import type { Transaction } from "../store/store.ts";
import type { MigrationContext } from "./context.ts";
import { readV1Outline, type V1Outline } from "./migrated-actor.ts";
import { readActorState } from "./read-actor-state.ts";
import { readLease } from "./lease.ts";
import type { Outcome } from "./outcome.ts";
import type { Target, UndoRefusal } from "./targets/target.ts";
import { outcomeOf } from "./verdict.ts";
import { readV1ToItsEnd } from "./v1-change.ts";

/**
 * Why an actor is not taken back to v1.
 *
 * - `not_migrated`: the ledger does not say that Ferry migrated it.
 * - `superseded`: Ferry has brought it to another form of v2 since, which is what would have to be taken away.
 * - `actor_awake`: it runs or is placed; try again when it sleeps.
 * - `written_since`: v2 holds writes that v1 has not; going back would lose them.
 * - `no_v1_data`: its v1 rows were cleaned up; there is nothing to go back to.
 * - `v1_unreadable`: what is left of its v1 rows is no database any more; v2 is the only copy.
 * - `migration_in_progress`: an attempt holds its lease.
 * - `v2_unreadable`: what v2 holds cannot be read, so nothing is known of writes to it.
 * - `destroyed`, `engine_took_over`, `in_use`: the target's own, see there.
 */
export type RollbackRefusal =
  | "not_migrated"
  | "superseded"
  | "actor_awake"
  | "written_since"
  | "no_v1_data"
  | "v1_unreadable"
  | "migration_in_progress"
  | "v2_unreadable"
  | UndoRefusal;

export type RollbackResult =
  | { readonly kind: "rolled_back"; readonly outcome: Outcome }
  | { readonly kind: "refused"; readonly reason: RollbackRefusal };

/**
 * Takes an actor back to v1: removes its v2 rows, in one transaction that reads serializably everything this depends on. Ferry never
 * touched v1's rows, so nothing has to be restored; that nobody else has taken some of them away is seen before, by reading them all.
 * @param options.dryRun says what would happen and writes nothing.
 * @param options.detail who does it and why, for the ledger.
 */
export async function rollbackActor(
  context: MigrationContext,
  id: ActorId,
  options: { dryRun: boolean; detail?: string },
  signal: AbortSignal,
): Promise<RollbackResult> {
  const finishedAtMs = context.now();
  const seen = await context.store.transact((tx) => look(context, tx, id), { label: "rollback", signal });
  const refusal = seen.reason ?? (await reasonInV1(context, id, seen, signal));
  if (refusal !== undefined) {
    return { kind: "refused", reason: refusal };
  }
  return context.store.transact(
    async (tx) => {
      const { previous, reason } = await look(context, tx, id);
      if (previous?.reason === "rolled_back") {
        return { kind: "rolled_back", outcome: previous };
      }
      if (reason !== undefined) {
        return { kind: "refused", reason };
      }
      const verdict = { state: "skipped", reason: "rolled_back" } as const;
      const detail = options.detail === undefined ? {} : { detail: options.detail };
      const found = outcomeOf(id, verdict, { previous, finishedAtMs, campaign: previous?.campaign });
      const outcome = { ...found, ...detail, takenBackAt: found.finishedAt };
      if (!options.dryRun) {
        await context.target.undo(tx, id);
        context.ledger.write(tx, outcome, previous);
      }
      return { kind: "rolled_back", outcome };
    },
    { label: "rollback", signal },
  );
}

/** An actor as one transaction sees it, and what is against taking it back, as far as a few rows tell. */
interface Look {
  readonly previous: Outcome | undefined;
  readonly v1: V1Outline | undefined;
  readonly reason: RollbackRefusal | undefined;
}

async function look(context: MigrationContext, tx: Transaction, id: ActorId): Promise<Look> {
  const [previous, v1] = await Promise.all([context.ledger.read(tx, id), readV1Outline(tx, id)]);
  const isDone = previous?.reason === "rolled_back";
  const reason = isDone ? undefined : await reasonToRefuse(context, tx, id, { previous, v1 });
  return { previous, v1, reason };
}

/**
 * Of an actor with nothing else against it. Whoever wrote v1 since left a database, with or without a journal, and SQLite leaves none that is
 * empty of one that was not; whoever removed rows did not.
 */
async function reasonInV1(
  context: MigrationContext,
  id: ActorId,
  { previous: outcome, v1 }: Look,
  signal: AbortSignal,
): Promise<RollbackRefusal | undefined> {
  if (v1 === undefined || outcome?.state !== "migrated") {
    return undefined;
  }
  try {
    const bytes = await readV1ToItsEnd(context, id, { outcome, v1 }, signal);
    return bytes === 0 && outcome.bytes !== 0 ? "v1_unreadable" : undefined;
  } catch (error) {
    assertFormatError(error);
    return "v1_unreadable";
  }
}

async function reasonToRefuse(
  context: MigrationContext,
  tx: Transaction,
  id: ActorId,
  { previous, v1 }: Omit<Look, "reason">,
): Promise<RollbackRefusal | undefined> {
  if (previous?.state !== "migrated" || previous.pages === undefined) {
    return "not_migrated";
  }
  const [actor, lease, isSuperseded] = await Promise.all([
    readActorState(tx, id),
    readLease(tx, id),
    context.target.isSuperseded(tx, id),
  ]);
  if (isSuperseded) {
    return "superseded";
  }
  if (v1 === undefined) {
    return "no_v1_data";
  }
  if (lease !== undefined) {
    return "migration_in_progress";
  }
  if (!actor.asleep) {
    return "actor_awake";
  }
  return reasonOfTarget(context.target, tx, id, previous.pages);
}

/** What in v2 is against it. What is wrong with one actor's rows is said of that one, and stops no other. */
async function reasonOfTarget(
  target: Target,
  tx: Transaction,
  id: ActorId,
  pages: number,
): Promise<RollbackRefusal | undefined> {
  try {
    return (await target.isUntouched(tx, id, pages)) ? await target.reasonNotToUndo(tx, id) : "written_since";
  } catch (error) {
    assertFormatError(error);
    return "v2_unreadable";
  }
}
