import type { ActorState } from "../formats/actor-state.ts";
import { FormatError } from "../formats/format-error.ts";
import type { MigrationOptions } from "./context.ts";
import { isInForce } from "./lease.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import type { Surroundings } from "./surroundings.ts";
import { isRolledBack, isWaived, rejectionOf } from "./verdict.ts";

/** The engine leaves a stage younger than this alone, and so does Ferry (FORMATS §5). */
const ENGINE_STAGE_MS = 60_000;

const WAIVED: Verdict = { state: "skipped", reason: "waived" };
const ROLLED_BACK: Verdict = { state: "skipped", reason: "rolled_back" };

/** What `reasonOfOperator` can say. */
export const OPERATORS_VERDICTS: readonly Verdict[] = [WAIVED, ROLLED_BACK];

/**
 * What an operator has decided about an actor: every attempt asks in the transaction that it ends with. Jobs that were queued before,
 * campaigns and --force respect a waiver until it is taken back; a rollback they respect unless they ask for just this actor.
 */
export function reasonOfOperator(
  previous: Outcome | undefined,
  options: Pick<MigrationOptions, "rolledBack">,
): Verdict | undefined {
  if (isWaived(previous)) {
    return WAIVED;
  }
  return isRolledBack(previous) && !isInSpiteOf(previous, options) ? ROLLED_BACK : undefined;
}

function isInSpiteOf(
  rolledBack: Outcome | undefined,
  { rolledBack: asked }: Pick<MigrationOptions, "rolledBack">,
): boolean {
  return asked === "migrate" || (asked !== undefined && asked.at === rolledBack?.takenBackAt);
}

/**
 * Why an actor with v1 data is not to be migrated now, or undefined when it is. Order: whether v2 has it, what an operator decided, what
 * else v2 holds, who is at work, who is awake.
 */
export function reasonNotToMigrate(
  surroundings: Surroundings,
  options: Pick<MigrationOptions, "rolledBack">,
  nowMs: number,
): Verdict | undefined {
  const { v2, lease, actor, previous } = surroundings;
  if (!(v2 instanceof FormatError) && v2.kind === "native") {
    return { state: "skipped", reason: "native_v2" };
  }
  if (!(v2 instanceof FormatError) && v2.kind === "migrated") {
    return { state: "skipped", reason: "already_migrated" };
  }
  const decided = reasonOfOperator(previous, options);
  if (decided !== undefined) {
    return decided;
  }
  if (v2 instanceof FormatError) {
    return rejectionOf(v2);
  }
  if (lease !== undefined && isInForce(lease, nowMs)) {
    return inProgress("Another attempt holds this actor's lease.");
  }
  if (v2.kind === "migrating" && !surroundings.ownStage && v2.staging && nowMs < v2.sinceMs + ENGINE_STAGE_MS) {
    return inProgress("The engine itself is migrating this actor.");
  }
  if (v2.kind === "blocked") {
    return v2.verdict;
  }
  if (!actor.asleep) {
    return { state: "deferred", reason: "actor_awake", detail: "The actor is running or placed on a runner." };
  }
  return undefined;
}

/** Why an actor that sleeps is not to be copied over several transactions: that it has not woken between them could not be shown. */
export function reasonNotToStage(actor: ActorState): Verdict | undefined {
  return actor.provable
    ? undefined
    : {
        state: "deferred",
        reason: "actor_awake",
        detail: "The actor has no SLEEP_TS: it crashed or waits to be placed, and may run while it is being copied.",
      };
}

function inProgress(detail: string): Verdict {
  return { state: "deferred", reason: "migration_in_progress", detail };
}
