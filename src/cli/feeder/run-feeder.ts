import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { Feeder } from "../../campaign/feeder/feeder.ts";
import { forgetSilentWorkers, readWorkers } from "../../campaign/fleet/heartbeats.ts";
import { readFleetLimits } from "../../campaign/fleet/fleet-limits.ts";
import type { MigrationQueue } from "../../queue/migration-queue.ts";
import { campaignFeedQueue } from "../../queue/campaign-feed-queue.ts";
import type { Store } from "../../store/store.ts";
import { CampaignMeter } from "../../telemetry/campaign-meter.ts";
import type { Logger } from "../../telemetry/log.ts";
import { createMetrics, type Metrics } from "../../telemetry/metrics.ts";
import { RepeatedErrors } from "../../telemetry/repeated-errors.ts";
import { sampleQueue } from "../../telemetry/queue-meter.ts";
import { storeMeter } from "../../telemetry/store-meter.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { openLog } from "../log.ts";
import type { Run } from "../run.ts";
import { ferryVersion } from "../version.ts";
import { startMetricsEndpoint } from "../worker/metrics-endpoint.ts";
import { countLedgerDrift } from "./ledger-drift.ts";
import { ProgressLog } from "./progress-log.ts";

const QUEUE_SAMPLE_MS = 5_000;
const FORGET_MS = 600_000;

/** Runs a feeder until it is told to stop; it gives its lease up then, so that another need not wait. */
export async function runFeeder(run: Run): Promise<ExitStatus> {
  const { config, signal } = run;
  const log = openLog(run);
  try {
    const metrics = createMetrics({ version: ferryVersion() });
    const store = await run.openStore({ priority: "batch", observer: storeMeter(metrics) });
    const queue = await run.openQueue();
    const meter = new CampaignMeter(metrics, config.concurrency);
    const failures = new RepeatedErrors(Date.now);
    const progress = new ProgressLog(log, Date.now);
    const feeder = new Feeder({
      store,
      queue: campaignFeedQueue(queue),
      now: Date.now,
      token: randomUUID(),
      host: `${hostname()}:${process.pid}`,
      sleep,
      observer: {
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
      },
    });
    const endpoint = await startMetricsEndpoint({
      config,
      metrics,
      queue,
      store,
      isDraining: () => signal.aborted,
      log,
    });
    const timers = [
      setInterval(() => {
        // A Redis or a store that is away shows in readiness and in the feeder's own errors.
        sample(metrics, meter, { store, queue }).catch(() => undefined);
      }, QUEUE_SAMPLE_MS),
      setInterval(() => {
        forgetSilentWorkers(store, Date.now()).catch((error: unknown) => {
          log.warn("fleet.unheard", "Rows of workers that are gone could not be removed", { error });
        });
      }, FORGET_MS),
    ];
    log.info("feeder.started", "The feeder is ready", { store: store.url, redis: config.redisUrl });
    try {
      await feeder.run(signal);
    } finally {
      timers.forEach(clearInterval);
      await endpoint?.close();
    }
    log.info("feeder.stopped", "The feeder has stopped");
    return EXIT.done;
  } finally {
    await log.close();
  }
}

async function sample(
  metrics: Metrics,
  meter: CampaignMeter,
  { store, queue }: { store: Store; queue: MigrationQueue },
): Promise<void> {
  await sampleQueue(metrics, queue);
  const counts = await queue.counts();
  const fleet = await store.transact(
    async (tx) => {
      const limits = await readFleetLimits(tx, Date.now());
      return { workers: await readWorkers(tx, Date.now()), concurrentActors: limits.concurrentActors };
    },
    { label: "fleet" },
  );
  meter.queued(counts, fleet);
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

/** Waits, or returns at once when the signal fires. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) {
      throw error;
    }
  });
}
