import { UsageError } from "../errors.ts";
import { prefixRange } from "../formats/bytes.ts";
import type { Store } from "../store/store.ts";
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
import { readCampaign } from "./campaign-store.ts";

/**
 * Forgets a campaign that is over, or never began. Outcomes of actors stay in the ledger.
 * @throws UsageError while it runs, is paused, or is being cancelled.
 */
export async function deleteCampaign(store: Store, name: string): Promise<void> {
  const { state } = await store.transact(async (tx) => readCampaign(tx, name), { label: "campaign" });
  if (state === "running" || state === "paused" || state === "draining") {
    const how = state === "draining" ? "still being cancelled; wait for that before" : `${state}; cancel it before`;
    throw new UsageError(`Campaign "${name}" is ${how} deleting it: ferry campaign cancel ${name} --wait`);
  }
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
  await store.transact(
    async (tx) => {
      await readCampaign(tx, name);
      for (const prefix of parts) {
        tx.clearRange(prefixRange(prefix));
      }
      tx.clear(planKey(name));
      tx.clear(campaignKey(name));
    },
    { label: "campaign" },
  );
}
