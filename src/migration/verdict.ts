import type { ActorId } from "../formats/actor-id.ts";
import { assertFormatError, FormatError } from "../formats/format-error.ts";
import { InvariantError } from "../errors.ts";
import { REJECT_REASONS, type Outcome, type RejectReason, type Verdict } from "./outcome.ts";

/** What an outcome has besides what the attempt came to. */
interface OutcomeFacts {
  readonly previous: Outcome | undefined;
  readonly finishedAtMs: number;
  readonly campaign: string | undefined;
  /** See `Outcome.isGone`; undefined where nobody has looked. */
  readonly isGone?: boolean;
}

/**
 * Turns what an attempt came to into what the ledger records. Where an operator's decision stands, so does its detail: who waived the actor
 * or took it back, and why.
 */
export function outcomeOf(id: ActorId, verdict: Verdict, facts: OutcomeFacts): Outcome {
  const isGone = facts.isGone === true || facts.previous?.isGone === true;
  const isDone = verdict.state === "migrated" || verdict.state === "skipped";
  const finishedAt = new Date(facts.finishedAtMs).toISOString();
  const again = facts.previous?.finishedAt === finishedAt;
  const attempts = (facts.previous?.attempts ?? 0) + (again ? 0 : 1);
  const stands = [isWaived, isRolledBack].some((isOf) => isOf(facts.previous) && isOf(verdict));
  const decision = stands ? facts.previous : undefined;
  return {
    actorId: id,
    state: verdict.state,
    ...("reason" in verdict ? { reason: verdict.reason } : {}),
    ...("detail" in verdict ? { detail: verdict.detail } : {}),
    ...(decision?.detail === undefined ? {} : { detail: decision.detail }),
    ...(verdict.state === "migrated" ? { ...verdict.image, layout: verdict.layout, verified: verdict.verified } : {}),
    ...(verdict.state === "migrated" && verdict.recovery !== undefined ? { recovery: verdict.recovery } : {}),
    ...(verdict.state === "rejected" ? verdict.facts : {}),
    attempts,
    ...(facts.campaign === undefined ? {} : { campaign: facts.campaign }),
    finishedAt,
    ...(decision?.takenBackAt === undefined ? {} : { takenBackAt: decision.takenBackAt }),
    ...(isGone && !isDone ? { isGone } : {}),
  };
}

/**
 * Whether the ledger keeps what it has: Ferry itself migrated the actor, which says more than that a later attempt found nothing to do. The very
 * same outcome is written then.
 */
export function staysMigrated(found: Verdict, previous: Outcome | undefined): previous is Outcome {
  return found.state === "skipped" && previous?.state === "migrated";
}

/** Whether an operator has left the actor on v1: whatever an attempt comes to then, that is what stands. */
export function isWaived(found: Verdict | Outcome | undefined): boolean {
  return found?.state === "skipped" && found.reason === "waived";
}

/** Whether an operator has taken the actor back to v1, and nothing has come since. */
export function isRolledBack(found: Verdict | Outcome | undefined): boolean {
  return found?.state === "skipped" && found.reason === "rolled_back";
}

/** Whether an error says something about the actor's data, and so is a rejection and no failure. */
export function isRejection(error: unknown): error is FormatError {
  return error instanceof FormatError && REJECT_REASONS.some((known) => known === error.code);
}

/** The rejection a format error stands for. Rethrows what is not about the actor's data. */
export function rejectionOf(error: unknown): Verdict & { state: "rejected" } {
  assertFormatError(error);
  const reason = REJECT_REASONS.find((known) => known === error.code);
  if (reason === undefined) {
    throw new InvariantError("A format error reached the outcome that no reject reason stands for.", { cause: error });
  }
  return { state: "rejected", reason, detail: describe(reason, error) };
}

/** The sentence for an operator, with the numbers behind it. */
function describe(reason: RejectReason, error: FormatError): string {
  const numbers = Object.entries(error.details).map(([name, value]) => `${name} ${String(value)}`);
  const page = `See docs/runbooks/${reason}.md.`;
  return numbers.length === 0 ? `${error.message} ${page}` : `${error.message} (${numbers.join(", ")}) ${page}`;
}
