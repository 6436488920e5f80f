import type { Bench } from "./bench.ts";
import type { Spread } from "./measure.ts";

/** What a figure is held to: a ratio of at least, or at most, so much; absent where it is only reported. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** One line of the table. */
export interface Result {
  readonly figure: string;
  readonly baseline: string;
  readonly engine: string;
  readonly unit: string;
  readonly subject: Spread;
  readonly against?: Spread;
  /** What the goal is about: mostly subject through baseline; `valueUnit` where it is no plain ratio. */
  readonly value: Spread;
  readonly valueUnit?: string;
  readonly goal?: Goal;
  /** What of the table's own setting this run scaled down. */
  readonly note?: string;
}

/** A figure of the table: measures itself on the engine that the bench is set to. */
export interface Figure {
  readonly name: string;
  run(bench: Bench): Promise<Result[]>;
}

/** Judged by the median, as the table's goals are. */
export function isMet(result: Pick<Result, "value" | "goal">): boolean | undefined {
  const { value, goal } = result;
  if (goal === undefined) {
    return undefined;
  }
  return "atLeast" in goal ? value.median >= goal.atLeast : value.median <= goal.atMost;
}
