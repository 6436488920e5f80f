import { isDeepStrictEqual } from "node:util";
import { UsageError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { assertCampaignName, type Campaign, type CampaignSettings, type CampaignSpec } from "./campaign.ts";
import { addHistory, type Author } from "./campaign-history.ts";
import { findCampaign, writeCampaign } from "./campaign-store.ts";

/** What came of creating a campaign: `already`: it was there, with the very same specification, and stays as it is. */
export interface Creation {
  readonly result: "created" | "already";
  readonly campaign: Campaign;
}

/**
 * Creates a campaign in state `created`. Asked again for the same it finds it: who was stopped half way may repeat the command.
 * @throws UsageError when the name is malformed, or another specification has it.
 */
export async function createCampaign(
  store: Store,
  campaign: { name: string; spec: CampaignSpec; settings: CampaignSettings },
  author: Author,
  nowMs: number,
): Promise<Creation> {
  const { name, spec, settings } = campaign;
  assertCampaignName(name);
  return store.transact(
    async (tx) => {
      const existing = await findCampaign(tx, name);
      if (existing !== undefined && !isDeepStrictEqual(existing.spec, spec)) {
        throw new UsageError(
          `A campaign "${name}" exists already, ${existing.state}, with another specification; choose another name.`,
        );
      }
      if (existing !== undefined) {
        // A commit whose result was unknown did happen, if it is of this moment.
        return { result: existing.createdAtMs === nowMs ? "created" : "already", campaign: existing };
      }
      const created: Campaign = {
        name,
        spec,
        settings,
        state: "created",
        stateSinceMs: nowMs,
        createdAtMs: nowMs,
        createdBy: author.who,
        // A list is complete once its ids were added, which `create` does itself.
        scanFinished: false,
        breakerBase: { finished: 0, bad: 0 },
      };
      writeCampaign(tx, created);
      addHistory(tx, name, { atMs: nowMs, what: "create", after: { spec, settings }, ...author });
      return { result: "created", campaign: created };
    },
    { label: "campaign" },
  );
}
