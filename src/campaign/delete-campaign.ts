import { UsageError } from "../errors.ts";
import { prefixRange } from "../formats/bytes.ts";
import type { Store, Transaction } from "../store/store.ts";
import type { Campaign } from "./campaign.ts";
import { readCounts } from "./campaign-counts.ts";
import {
  activityPrefix,
  actorPrefix,
  campaignKey,
  countPrefix,
  cursorPrefix,
  historyPrefix,
  laterPrefix,
  openPrefix,
  planKey,
  samplePrefix,
  todoPrefix,
} from "./campaign-keys.ts";
import { findAgain, readCampaign } from "./campaign-store.ts";

/** A campaign that may be deleted, and how many actors it migrated. */
export interface Deletable {
  readonly campaign: Campaign;
  readonly migrated: number;
}

/** @throws UsageError where `deleteCampaign` would. */
export async function readDeletable(store: Store, name: string): Promise<Deletable> {
  return store.transact(
    async (tx) => {
      const campaign = await readCampaign(tx, name);
      assertDeletable(campaign);
      return { campaign, migrated: (await readCounts(tx, name)).done.migrated.actors };
    },
    { label: "campaign" },
  );
}

/**
 * Forgets a campaign that is over, or never began. Outcomes of actors stay in the ledger.
 * @throws UsageError while it runs, is paused, or is being cancelled.
 */
export async function deleteCampaign(store: Store, name: string): Promise<void> {
  const asked = await store.transact(async (tx) => readCampaign(tx, name), { label: "campaign" });
  assertDeletable(asked);
  await store.transact(
    async (tx) => {
      const current = await findAgain(tx, asked);
      if (current === undefined) {
        // A commit whose result was unknown did happen, or somebody else has deleted it.
        return;
      }
      // Asked again here, where a start that commits first is seen and one that comes later finds no campaign.
      assertDeletable(current);
      clearCampaign(tx, name);
    },
    { label: "campaign" },
  );
}

/** @throws UsageError */
function assertDeletable({ name, state }: Campaign): void {
  if (state === "running" || state === "paused" || state === "draining") {
    const how = state === "draining" ? "still being cancelled; wait for that before" : `${state}; cancel it before`;
    throw new UsageError(`Campaign "${name}" is ${how} deleting it: ferry campaign cancel ${name} --wait`);
  }
}

function clearCampaign(tx: Transaction, name: string): void {
  const parts = [
    activityPrefix(name),
    actorPrefix(name),
    countPrefix(name),
    cursorPrefix(name),
    historyPrefix(name),
    laterPrefix(name),
    openPrefix(name),
    samplePrefix(name),
    todoPrefix(name),
  ];
  for (const prefix of parts) {
    tx.clearRange(prefixRange(prefix));
  }
  tx.clear(planKey(name));
  tx.clear(campaignKey(name));
}
