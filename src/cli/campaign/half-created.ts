import { isHalfCreated, type Campaign } from "../../campaign/campaign.ts";
import { UsageError } from "../../errors.ts";
import type { Run } from "../run.ts";

/** @throws UsageError where some of a campaign's actors are missing. */
export function assertWhole(campaign: Campaign): void {
  if (isHalfCreated(campaign)) {
    throw new UsageError(
      `Campaign "${campaign.name}" was not created to its end, so some of its actors are missing: repeat its ferry campaign create, which adds the rest, or delete it.`,
    );
  }
}

/** Says what is left where actors are no longer added, and passes the error on. One that was deleted meanwhile is not there. */
export function sayHalfCreated(run: Run, name: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof UsageError)) {
      run.notes.say(
        `Campaign ${name} was not created to its end: the same command adds the rest, and ferry campaign delete ${name} takes back what is there.`,
      );
    }
    throw error;
  };
}
