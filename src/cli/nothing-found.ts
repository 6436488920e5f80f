import { readCampaign } from "../campaign/campaign-store.ts";
import { listOutcomes } from "../campaign/ledger/ledger.ts";
import { OUTCOME_STATES } from "../migration/outcome.ts";
import type { Store } from "../store/store.ts";
import type { Run } from "./run.ts";

/** What a command looked for in the ledger. */
export interface LookedFor {
  readonly reason?: string | undefined;
  readonly campaign?: string | undefined;
}

/**
 * Says what may be misspelt where nothing was found. A reason is no error: codes of failures are an open set. A campaign's name is looked up
 * only now, as outcomes outlive the campaign that they are recorded under.
 * @throws UsageError when there is no campaign of this name.
 */
export async function explainNothing(run: Run, store: Store, { reason, campaign }: LookedFor): Promise<void> {
  if (campaign !== undefined) {
    await store.transact(async (tx) => readCampaign(tx, campaign), { label: "campaign" });
  }
  if (reason !== undefined && !(await isReason(store, reason))) {
    run.notes.say(`No outcome has the reason "${reason}": is it spelt as ferry outcomes shows it?`);
  }
}

/** Whether any outcome has it. */
async function isReason(store: Store, reason: string): Promise<boolean> {
  for (const state of OUTCOME_STATES) {
    const { done } = await listOutcomes(store, { state, reason }).next();
    if (done !== true) {
      return true;
    }
  }
  return false;
}
