import type { Campaign } from "../../campaign/campaign.ts";
import { deleteCampaign, readDeletable } from "../../campaign/delete-campaign.ts";
import { plural } from "../../campaign/plural.ts";
import { confirmName } from "../confirm-name.ts";
import type { Run } from "../run.ts";

/** Flags of `ferry campaign delete`. */
export interface DeleteFlags {
  readonly confirm?: string;
}

/**
 * `ferry campaign delete`; deleting what is not there is an error, as the name may be a slip. What becomes of migrated actors afterwards
 * is asked for by its name as well, so deleting a campaign that has any is confirmed.
 */
export async function deleteOne(run: Run, name: string, { confirm }: DeleteFlags): Promise<undefined> {
  const store = await run.openStore();
  const { campaign, migrated } = await readDeletable(store, name);
  if (migrated > 0 || confirm !== undefined) {
    await confirmName(run, name, confirm, questionOf(name, migrated));
  }
  await deleteCampaign(store, name);
  await run.output.line(
    run.json
      ? JSON.stringify({ result: "deleted", name, migrated })
      : `deleted campaign ${name}; what became of its actors stays in the ledger`,
  );
  if (migrated > 0) {
    run.notes.say(howToGoOn(campaign, migrated));
  }
}

function questionOf(name: string, migrated: number): string {
  return (
    `Campaign "${name}" migrated ${plural(migrated, "actor")}: verify, rollback and cleanup with --campaign end with it, ` +
    "and go on by ids alone, which ferry outcomes --state migrated lists."
  );
}

/** The target goes with the campaign that it was frozen in. */
function howToGoOn({ name, spec }: Campaign, migrated: number): string {
  const { target, namespace } = spec.options;
  const isDepot = target === "depot";
  const flags = [isDepot ? " --target depot" : "", namespace === undefined ? "" : ` --namespace ${String(namespace)}`];
  return `Verify, roll back or clean up its ${plural(migrated, "migrated actor")} by ids from here on, such as:
  ferry outcomes --state migrated --json | jq -r 'select(.campaign == "${name}") | .actorId' > ${name}.txt
  ferry cleanup --from ${name}.txt${flags.join("")}`;
}
