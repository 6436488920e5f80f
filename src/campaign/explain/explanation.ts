import type { Obstacle } from "../progress/obstacle.ts";
import type { Share } from "../progress/percentages.ts";

/** What limits a campaign now, in a word: for machines; the sentence is for people. */
export type Limit =
  Obstacle | "too_early" | "retries" | "store" | "operator" | "window" | "tail" | "feeding" | "workers";

/** What limits a campaign, where workers' time goes, and the one setting to turn. */
export interface Explanation {
  readonly limit: Limit;
  readonly sentence: string;
  /** Workers' time by activity: whole percentages that add up to 100; empty when no worker has spent any. */
  readonly attribution: readonly Share[];
  /** Of which time that is. */
  readonly attributionOf: "the last minute" | "the time since workers started" | "the whole campaign";
  /** What to do, and the command or setting for it. */
  readonly advice: string;
}

/** What limits a campaign, and what to do about it. */
export type Finding = Pick<Explanation, "limit" | "sentence" | "advice">;

/** A text that came from elsewhere, with one full stop at its end. */
export function sentenceOf(text: string): string {
  return text.replace(/\.?$/, ".");
}
