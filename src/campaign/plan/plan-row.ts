import type { Store, Transaction } from "../../store/store.ts";
import { planKey } from "../campaign-keys.ts";
import { readCampaign } from "../campaign-store.ts";
import { decodeJson, encodeJson } from "../json-row.ts";
import type { Plan } from "./plan.ts";

/** Keeps a plan with its campaign, for the report to compare with; the last one counts. @throws UsageError */
export async function savePlan(store: Store, name: string, plan: Plan): Promise<void> {
  await store.transact(
    async (tx) => {
      await readCampaign(tx, name);
      tx.set(planKey(name), encodeJson(plan));
    },
    { label: "campaign" },
  );
}

/** The plan kept with a campaign, if there is one. */
export async function readPlan(tx: Transaction, name: string): Promise<Plan | undefined> {
  const row = await tx.get(planKey(name), { snapshot: true });
  return row === undefined ? undefined : (decodeJson(row) as Plan);
}
