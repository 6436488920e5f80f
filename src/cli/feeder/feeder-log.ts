import type { FeederObserver } from "../../campaign/feeder/feeder-observer.ts";
import type { Store } from "../../store/store.ts";
import type { CampaignMeter } from "../../telemetry/campaign-meter.ts";
import type { Logger } from "../../telemetry/log.ts";
import { RepeatedErrors } from "../../telemetry/repeated-errors.ts";
import { countLedgerDrift } from "./ledger-drift.ts";
import { ProgressLog } from "./progress-log.ts";

/** What a feeder does, in its log and its metrics; a campaign that completed is recounted. */
export function feederObserver({
  store,
  log,
  meter,
}: {
  readonly store: Store;
  readonly log: Logger;
  readonly meter: CampaignMeter;
}): FeederObserver {
  const failures = new RepeatedErrors(Date.now);
  const progress = new ProgressLog(log, Date.now);
  return {
    leading(leads) {
      meter.leading(leads);
      log.info("feeder.leading", leads ? "This feeder feeds" : "This feeder stands by", { leads });
    },
    fed(campaign, actors) {
      log.debug("feeder.fed", "Actors were put on the queue", { campaign, actors });
    },
    recovered(campaign, actors) {
      log.warn("feeder.recovered", "Open actors had no job to wait for, and were fed again or put back", {
        campaign,
        actors,
      });
    },
    withdrawn(campaign, actors) {
      log.info("feeder.withdrawn", "Limits have changed: what waited on the queue is fed again as they allow", {
        campaign,
        actors,
      });
    },
    stateChanged({ name, state, stateReason }) {
      log.info("campaign.state_changed", "A campaign changed its state", {
        campaign: name,
        state,
        reason: stateReason,
      });
      if (state === "completed") {
        recount(store, name, { meter, log }).catch((error: unknown) => {
          log.warn("campaign.not_audited", "A completed campaign could not be recounted", {
            campaign: name,
            error,
          });
        });
      }
    },
    counted(all) {
      meter.counted(all);
      progress.counted(all);
    },
    failed(error) {
      const times = failures.count(error);
      if (times !== undefined) {
        log.error("feeder.failed", "A round of feeding failed; the next one tries again", { error, times });
      }
    },
  };
}

/** A campaign that is over stands still, so its recount has to agree; what does not is an alert. */
async function recount(store: Store, campaign: string, to: { meter: CampaignMeter; log: Logger }): Promise<void> {
  const actors = await countLedgerDrift(store, campaign);
  if (actors === undefined) {
    to.log.warn("campaign.not_audited", "A completed campaign's actors moved during every recount", { campaign });
    return;
  }
  to.meter.drifted(campaign, actors);
  if (actors > 0) {
    to.log.error("campaign.drifted", "A completed campaign's counts and its actors' rows disagree", {
      campaign,
      actors,
    });
  }
}
