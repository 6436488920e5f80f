import type { Campaign } from "../../campaign/campaign.ts";
import type { CampaignCounts } from "../../campaign/campaign-counts.ts";
import type { CountedCampaign } from "../../campaign/feeder/feeder-observer.ts";
import { OUTCOME_STATES } from "../../migration/outcome.ts";
import type { Logger } from "../../telemetry/log.ts";

const EVERY_MS = 60_000;

/** What was last known of a campaign, and when a line said so. */
interface Said {
  readonly state: Campaign["state"];
  readonly fields: string;
  readonly atMs: number;
}

/**
 * Logs where campaigns stand: a line a minute for each that moves, and one when its state changes. Workers log no line for an actor that
 * is done, so that this is what a log shows of a campaign on its way.
 */
export class ProgressLog {
  readonly #log: Logger;
  readonly #now: () => number;
  #said = new Map<string, Said>();

  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Takes every campaign there is; what was known of others is forgotten. */
  counted(all: readonly CountedCampaign[]): void {
    this.#said = new Map(all.map((one) => [one.campaign.name, this.#say(one)]));
  }

  #say({ campaign, counts }: CountedCampaign): Said {
    const fields = fieldsOf(counts);
    const now = { state: campaign.state, fields: JSON.stringify(fields), atMs: this.#now() };
    const said = this.#said.get(campaign.name);
    if (said === undefined) {
      return now;
    }
    const isDue = now.atMs - said.atMs >= EVERY_MS && now.fields !== said.fields;
    if (!isDue && now.state === said.state) {
      return said;
    }
    this.#log.info("campaign.progress", "A campaign moves on", {
      campaign: campaign.name,
      state: campaign.state,
      ...fields,
    });
    return now;
  }
}

/** Actors by outcome, and those to come: `pending` may grow while actors are found. */
function fieldsOf({ todo, open, later, done }: CampaignCounts): Readonly<Record<string, number>> {
  return {
    pending: todo.actors + open.actors + later.actors,
    ...Object.fromEntries(OUTCOME_STATES.map((state) => [state, done[state].actors])),
  };
}
