import type { ActorId } from "../formats/actor-id.ts";
import { FormatError } from "../formats/format-error.ts";
import type { Transaction } from "../store/store.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";
import { discardOwnStage, type Surroundings } from "./decide.ts";
import { dropLease, isInForce } from "./lease.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import { outcomeOf } from "./verdict.ts";

/**
 * Records a verdict that leaves v1 and v2 as they are. The one thing it removes is what an earlier attempt of Ferry's left behind:
 * its expired lease, and the stage under it where that is still Ferry's own.
 */
export function recordVerdict(
  context: MigrationContext,
  tx: Transaction,
  id: ActorId,
  verdict: Verdict,
  facts: { surroundings: Surroundings; options: MigrationOptions; nowMs: number },
): Outcome {
  const { surroundings, options, nowMs } = facts;
  const { previous, lease } = surroundings;
  if (lease !== undefined && !isInForce(lease, nowMs)) {
    dropLease(tx, id);
    discardOwnStage(context, tx, id, surroundings);
  }
  if (verdict.state === "skipped" && previous?.state === "migrated") {
    // Ferry itself migrated it: what is recorded says more than "skipped" would, and stands.
    context.ledger.write(tx, previous, previous);
    return previous;
  }
  const { v2 } = surroundings;
  if (!(v2 instanceof FormatError) && v2.kind === "blocked" && v2.remember !== undefined) {
    tx.set(v2.remember.key, v2.remember.value);
  }
  const outcome = outcomeOf(id, verdict, { previous, finishedAtMs: nowMs, campaign: options.campaign });
  context.ledger.write(tx, outcome, previous);
  return outcome;
}
