import type { ActorId } from "../formats/actor-id.ts";
import { assertFormatError } from "../formats/format-error.ts";
import type { Transaction } from "../store/store.ts";
import type { MigrationContext } from "./context.ts";
import { readActorState } from "./read-actor-state.ts";
import { readLease } from "./lease.ts";
import type { Outcome } from "./outcome.ts";
import type { Target, UndoRefusal } from "./targets/target.ts";
import { outcomeOf } from "./verdict.ts";
import { surveyV1 } from "./v1/survey.ts";

/**
 * Why an actor is not taken back to v1.
 *
 * - `not_migrated`: the ledger does not say that Ferry migrated it.
 * - `superseded`: Ferry has brought it to another form of v2 since, which is what would have to be taken away.
 * - `actor_awake`: it runs or is placed; try again when it sleeps.
 * - `written_since`: v2 holds writes that v1 has not; going back would lose them.
 * - `no_v1_data`: its v1 rows were cleaned up; there is nothing to go back to.
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
  | "migration_in_progress"
  | "v2_unreadable"
  | UndoRefusal;

export type RollbackResult =
  | { readonly kind: "rolled_back"; readonly outcome: Outcome }
  | { readonly kind: "refused"; readonly reason: RollbackRefusal };

/**
 * Takes an actor back to v1: removes its v2 rows, in one transaction that reads serializably everything this depends on. v1 rows were
 * never touched, so nothing has to be restored.
 * @param options.dryRun says what would happen and writes nothing.
 * @param options.detail who does it and why, for the ledger.
 */
export async function rollbackActor(
  context: MigrationContext,
  id: ActorId,
  options: { dryRun: boolean; detail?: string },
): Promise<RollbackResult> {
  const finishedAtMs = context.now();
  return context.store.transact(
    async (tx) => {
      const previous = await context.ledger.read(tx, id);
      if (previous?.reason === "rolled_back") {
        return { kind: "rolled_back", outcome: previous };
      }
      const reason = await reasonToRefuse(context, tx, id, previous);
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
    { label: "rollback" },
  );
}

async function reasonToRefuse(
  context: MigrationContext,
  tx: Transaction,
  id: ActorId,
  previous: Outcome | undefined,
): Promise<RollbackRefusal | undefined> {
  if (previous?.state !== "migrated" || previous.pages === undefined) {
    return "not_migrated";
  }
  const [actor, lease, v1, isSuperseded] = await Promise.all([
    readActorState(tx, id),
    readLease(tx, id),
    surveyV1(tx, id, 0),
    context.target.isSuperseded(tx, id),
  ]);
  if (isSuperseded) {
    return "superseded";
  }
  if (v1.kind === "none") {
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
