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
import { createMetrics, type Metrics } from "../../telemetry/metrics.ts";
import { sampleQueue } from "../../telemetry/queue-meter.ts";
import { storeMeter } from "../../telemetry/store-meter.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { withLog } from "../log.ts";
import type { Run } from "../run.ts";
import { ferryVersion } from "../version.ts";
import { startMetricsEndpoint } from "../worker/metrics-endpoint.ts";
import { feederObserver } from "./feeder-log.ts";

const QUEUE_SAMPLE_MS = 5_000;
const FORGET_MS = 600_000;

/** Runs a feeder until it is told to stop; it gives its lease up then, so that another need not wait. */
export async function runFeeder(run: Run): Promise<ExitStatus> {
  const { config, signal } = run;
  return withLog(run, async (log) => {
    const metrics = createMetrics({ version: ferryVersion(), revision: config.revision });
    const store = await run.openStore({ priority: "batch", observer: storeMeter(metrics) });
    const queue = await run.openQueue();
    const meter = new CampaignMeter(metrics, config.concurrency);
    const feeder = new Feeder({
      store,
      queue: campaignFeedQueue(queue),
      now: Date.now,
      token: randomUUID(),
      host: `${hostname()}:${process.pid}`,
      sleep,
      observer: feederObserver({ store, log, meter }),
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
    log.info("feeder.started", "The feeder is ready", {
      version: ferryVersion(),
      ...(config.revision === undefined ? {} : { revision: config.revision }),
      store: store.url,
      redis: config.redisUrl,
    });
    try {
      await feeder.run(signal);
    } finally {
      timers.forEach(clearInterval);
      await endpoint?.close();
    }
    log.info("feeder.stopped", "The feeder has stopped");
    return EXIT.done;
  });
}

async function sample(
  metrics: Metrics,
  meter: CampaignMeter,
  { store, queue }: { store: Store; queue: MigrationQueue },
): Promise<void> {
  await sampleQueue(metrics, queue);
  const counts = await queue.counts();
  const nowMs = Date.now();
  const fleet = await store.transact(
    async (tx) => ({ workers: await readWorkers(tx, nowMs), limits: await readFleetLimits(tx, nowMs) }),
    { label: "fleet" },
  );
  meter.queued(counts, fleet, nowMs);
}

/** Waits, or returns at once when the signal fires. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) {
      throw error;
    }
  });
}
