import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { availableParallelism, hostname } from "node:os";
import { CampaignGate } from "../../campaign/campaign-gate.ts";
import { LoadGovernor } from "../../campaign/fleet/load-governor.ts";
import type { Config } from "../../config/config.ts";
import { ThreadCodec } from "../../migration/codec/thread-codec.ts";
import type { Outcome } from "../../migration/outcome.ts";
import { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import { WorkerHost } from "../../queue/worker-host.ts";
import type { Logger } from "../../telemetry/log.ts";
import { createMetrics, type Metrics } from "../../telemetry/metrics.ts";
import { RepeatedErrors } from "../../telemetry/repeated-errors.ts";
import { sampleQueue } from "../../telemetry/queue-meter.ts";
import { storeMeter } from "../../telemetry/store-meter.ts";
import { countWorkerEvent } from "../../telemetry/worker-meter.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { withLog } from "../log.ts";
import { migrationOptions } from "../migration-options.ts";
import { redisOptions } from "../redis-settings.ts";
import type { Run } from "../run.ts";
import { Targets } from "../targets/targets.ts";
import { ferryVersion } from "../version.ts";
import { FleetMember } from "./fleet-member.ts";
import { makeJobHandlers } from "./job-handlers.ts";
import { startMetricsEndpoint } from "./metrics-endpoint.ts";
import { logWorkerEvent } from "./worker-log.ts";

const QUEUE_SAMPLE_MS = 10_000;

/** Outcomes of one worker's life, for its last log line and its exit status. */
type Tally = Record<Outcome["state"], number>;

/**
 * Runs a worker until it is told to stop or, with `drain`, until nothing waits or runs. Told to stop, it takes no new job, lets those
 * under way finish within the drain timeout, hands the rest back, and ends with 0. With `drain`, 1 when it rejected an actor or gave up
 * on one.
 */
export async function runWorker(run: Run, options: { drain: boolean }): Promise<ExitStatus> {
  const { config, signal } = run;
  return withLog(run, async (log) => {
    const metrics = createMetrics({ version: ferryVersion(), revision: config.revision });
    const governor = new LoadGovernor(config.concurrency);
    const meter = storeMeter(metrics);
    const store = await run.openStore({
      priority: "batch",
      observer: (report) => {
        meter(report);
        governor.observe(report);
      },
    });
    const queue = await run.openQueue();
    const member = new FleetMember({
      store,
      metrics,
      log,
      governor,
      concurrency: config.concurrency,
      identity: { workerId: randomUUID(), host: hostname(), pid: process.pid, version: ferryVersion() },
    });
    const tally: Tally = { migrated: 0, skipped: 0, rejected: 0, deferred: 0, failed: 0 };
    // A thread for each slot is as many as can be busy; they start with the first checks that are asked for.
    const integrity = new IntegrityChecker({ workers: Math.min(config.concurrency, availableParallelism()) });
    const codec = new ThreadCodec();
    const targets = new Targets(config, store);
    if (config.target === "auto") {
      // A worker that cannot tell would give up on every actor whose job names no target: better that it does not start.
      await targets.configured();
    }
    const handlers = makeJobHandlers({
      store,
      targetOf: (request) => targets.of(request),
      optionsOf: (request) => migrationOptions(config, request),
      metrics,
      log,
      member,
      integrity,
      codec,
      gate: new CampaignGate(store, Date.now),
      onOutcome: (outcome) => {
        tally[outcome.state] += 1;
      },
    });
    const host = await startHost(config, { handlers, metrics, log });
    const endpoint = await startMetricsEndpoint({
      config,
      metrics,
      queue,
      store,
      isDraining: () => host.state !== "running",
      log,
    }).catch(async (error: unknown) => {
      await host.stop();
      throw error;
    });
    member.start(host);
    const timer = setInterval(() => {
      // A Redis that is away shows in readiness and in the host's own events.
      sampleQueue(metrics, queue).catch(() => undefined);
    }, QUEUE_SAMPLE_MS);
    codec.start();
    log.info("worker.started", "The worker takes jobs", {
      version: ferryVersion(),
      ...(config.revision === undefined ? {} : { revision: config.revision }),
      store: store.url,
      redis: config.redisUrl,
      concurrency: config.concurrency,
      layout: config.layout,
    });
    try {
      await untilDone(host, options.drain, signal);
    } finally {
      await host.stop();
      clearInterval(timer);
      await member.stop();
      await integrity.close();
      await codec.close();
      await endpoint?.close();
    }
    log.info("worker.stopped", "The worker has stopped", tally);
    return options.drain && !signal.aborted && tally.rejected + tally.failed > 0 ? EXIT.rejected : EXIT.done;
  });
}

function startHost(
  config: Config,
  parts: { handlers: ReturnType<typeof makeJobHandlers>; metrics: Metrics; log: Logger },
): Promise<WorkerHost> {
  const repeated = new RepeatedErrors(Date.now);
  return WorkerHost.start({
    ...parts.handlers,
    redis: redisOptions(config),
    concurrency: config.concurrency,
    drainDeadlineMs: config.drainTimeoutMs,
    lockDurationMs: config.lockMs,
    onEvent: (event) => {
      countWorkerEvent(parts.metrics, event);
      logWorkerEvent(parts.log, event, repeated);
    },
  });
}

/** Until the signal fires or, with `drain`, the queue is empty. */
async function untilDone(host: WorkerHost, drain: boolean, signal: AbortSignal): Promise<void> {
  if (drain) {
    await host.drained({ signal }).catch((error: unknown) => {
      if (!signal.aborted) {
        throw error;
      }
    });
    return;
  }
  if (!signal.aborted) {
    await once(signal, "abort");
  }
}
