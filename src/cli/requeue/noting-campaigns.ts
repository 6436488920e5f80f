import type { Outcome } from "../../migration/outcome.ts";

/** Adds the campaigns of the outcomes that pass by; undefined stands for none. */
export async function* notingCampaigns(
  outcomes: AsyncIterable<Outcome>,
  campaigns: Set<string | undefined>,
): AsyncGenerator<Outcome, void, undefined> {
  for await (const outcome of outcomes) {
    campaigns.add(outcome.campaign);
    yield outcome;
  }
}
