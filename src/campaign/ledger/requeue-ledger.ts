import type { OutcomeLedger } from "../../migration/context.ts";
import type { Transaction } from "../../store/store.ts";
import type { CampaignActor } from "../campaign.ts";
import { readCampaignActor, replaceResult, resultOf } from "./campaign-ledger.ts";
import { ledger } from "./ledger.ts";

/**
 * The ledger of a job that asks again for an actor which a campaign left: keeps the outcome, and has the campaign count it in place of the
 * one before, in the same transaction. The campaign is most often over, and may be deleted.
 */
export function requeueLedger(name: string, now: () => number): OutcomeLedger {
  const startedAtMs = now();
  const seen = new WeakMap<Transaction, CampaignActor | undefined>();
  return {
    async read(tx, id) {
      const [previous, actor] = await Promise.all([ledger.read(tx, id), readCampaignActor(tx, name, id)]);
      seen.set(tx, actor);
      return previous;
    },
    write(tx, outcome, previous) {
      ledger.write(tx, outcome, previous);
      const from = seen.get(tx);
      const already = outcome === previous;
      // One of the campaign that is found again was counted when it was recorded, by a commit whose result was unknown or by another job.
      if (!(already && outcome.campaign === name)) {
        const to = resultOf(outcome, { already, startedAtMs, finishedAtMs: now() });
        replaceResult(tx, name, outcome.actorId, { from, to });
      }
    },
  };
}
