import { listOutcomes } from "../campaign/ledger/ledger.ts";
import { OUTCOME_STATES } from "../migration/outcome.ts";
import type { Store } from "../store/store.ts";
import type { Run } from "./run.ts";

/** Says that no outcome at all has a reason that found nothing. It is no error: codes of failures are an open set. */
export async function sayUnknownReason(run: Run, store: Store, reason: string): Promise<void> {
  for (const state of OUTCOME_STATES) {
    const { done } = await listOutcomes(store, { state, reason }).next();
    if (done !== true) {
      return;
    }
  }
  run.notes.say(`No outcome has the reason "${reason}": is it spelt as ferry outcomes shows it?`);
}
