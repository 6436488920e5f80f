import { FormatError } from "../formats/format-error.ts";
import type { Transaction } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";
import { discardOwnStage, type Surroundings } from "./surroundings.ts";
import { dropLease, isInForce } from "./lease.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import { outcomeOf, staysMigrated } from "./verdict.ts";

/**
 * Records a verdict that leaves v1 and v2 as they are. The one thing it removes is what an earlier attempt of Ferry's left behind:
 * its expired lease, and the stage under it where that is still Ferry's own.
 */
export function recordVerdict(
  attempt: Attempt,
  tx: Transaction,
  verdict: Verdict,
  { surroundings, nowMs }: { surroundings: Surroundings; nowMs: number },
): Outcome {
  const { context, id, options } = attempt;
  const { previous, lease, v2, isGone } = surroundings;
  if (lease !== undefined && !isInForce(lease, nowMs)) {
    dropLease(tx, id);
    discardOwnStage(attempt, tx, surroundings);
  }
  if (staysMigrated(verdict, previous)) {
    context.ledger.write(tx, previous, previous);
    return previous;
  }
  if (!(v2 instanceof FormatError) && v2.kind === "blocked" && v2.remember !== undefined) {
    tx.set(v2.remember.key, v2.remember.value);
  }
  const outcome = outcomeOf(id, verdict, { previous, finishedAtMs: nowMs, campaign: options.campaign, isGone });
  context.ledger.write(tx, outcome, previous);
  return outcome;
}
