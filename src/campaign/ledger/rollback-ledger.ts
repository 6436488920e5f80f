import type { OutcomeLedger } from "../../migration/context.ts";
import type { Transaction } from "../../store/store.ts";
import type { CampaignActor } from "../campaign.ts";
import { readCampaignActor, replaceResult } from "./campaign-ledger.ts";
import { ledger } from "./ledger.ts";

/**
 * The ledger of rollbacks: keeps the outcome, and has the campaign that migrated the actor count it as rolled back, in the same transaction.
 * The campaign is most often over, and may be deleted.
 */
export function rollbackLedger(): OutcomeLedger {
  const seen = new WeakMap<Transaction, CampaignActor | undefined>();
  return {
    async read(tx, id) {
      const previous = await ledger.read(tx, id);
      const name = previous?.campaign;
      seen.set(tx, name === undefined ? undefined : await readCampaignActor(tx, name, id));
      return previous;
    },
    write(tx, outcome, previous) {
      ledger.write(tx, outcome, previous);
      const from = seen.get(tx);
      if (previous?.campaign !== undefined && from?.state === "migrated") {
        const to = { state: outcome.state, reason: outcome.reason ?? "", takenBack: true } as const;
        replaceResult(tx, previous.campaign, outcome.actorId, { from, to });
      }
    },
  };
}
