import type { Transaction } from "../store/store.ts";
import type { Campaign, CampaignState } from "./campaign.ts";
import { addHistory, type Author } from "./campaign-history.ts";
import { writeCampaign } from "./campaign-store.ts";

/** Changes a campaign's state in this transaction, and says so in its history. */
export function setState(
  tx: Transaction,
  campaign: Campaign,
  change: { state: CampaignState; what: string; nowMs: number; patch?: Partial<Campaign> },
  author: Author,
): Campaign {
  const { stateReason: _, breakerTripped: __, ...rest } = campaign;
  const changed: Campaign = {
    ...rest,
    ...change.patch,
    state: change.state,
    stateSinceMs: change.nowMs,
    ...(author.reason === undefined ? {} : { stateReason: author.reason }),
  };
  writeCampaign(tx, changed);
  addHistory(tx, campaign.name, {
    atMs: change.nowMs,
    what: change.what,
    before: campaign.state,
    after: change.state,
    ...author,
  });
  return changed;
}
