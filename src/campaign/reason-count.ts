import type { Outcome, OutcomeState } from "../migration/outcome.ts";

/** Actors with one state and reason. */
export interface ReasonCount {
  readonly state: OutcomeState;
  readonly reason: string;
  readonly actors: number;
}

/** Counts one more actor with an outcome's state and reason. */
export function countReason(
  counts: Map<string, ReasonCount>,
  { state, reason = "" }: Pick<Outcome, "state" | "reason">,
): void {
  const key = `${state} ${reason}`;
  counts.set(key, { state, reason, actors: (counts.get(key)?.actors ?? 0) + 1 });
}
