import type { CampaignView } from "../../campaign/progress/view.ts";
import type { Tally } from "../../campaign/campaign-counts.ts";
import type { OutcomeState } from "../../migration/outcome.ts";

/** Where actors stand that are not done with. */
export type UndonePlace = "waiting" | "in flight" | "deferred, come back" | "not done";

/** Actors that are not done with, where there are any. Of a cancelled campaign none waits for anything any more. */
export function undonePlaces({
  campaign,
  counts,
}: Pick<CampaignView, "campaign" | "counts">): (readonly [UndonePlace, Tally])[] {
  const { todo, open, later } = counts;
  const all = [todo, open, later];
  const places: (readonly [UndonePlace, Tally])[] =
    campaign.state === "cancelled"
      ? [["not done", { actors: sum(all.map(({ actors }) => actors)), bytes: sum(all.map(({ bytes }) => bytes)) }]]
      : [
          ["waiting", todo],
          ["in flight", open],
          ["deferred, come back", later],
        ];
  return places.filter(([, { actors }]) => actors > 0);
}

/** An outcome's state where actors are counted: those that will come back are not done with, and no outcome. */
export function donePlace(state: OutcomeState): string {
  return state === "deferred" ? "given up as deferred" : state;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
