import type { Config } from "../../config/config.ts";
import { UnavailableError } from "../../errors.ts";
import { FERRY_PREFIX } from "../../migration/ferry-keys.ts";
import type { MigrationQueue } from "../../queue/migration-queue.ts";
import type { Store } from "../../store/store.ts";
import { HealthServer } from "../../telemetry/health.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { Metrics } from "../../telemetry/metrics.ts";

/** What the endpoint shows and asks. */
export interface MetricsEndpointOptions {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly queue: MigrationQueue;
  readonly store: Store;
  readonly isDraining: () => boolean;
  readonly log: Logger;
}

/**
 * Starts `/metrics`, `/healthz` and `/readyz`, or nothing where the port is `off`. A default port that is taken, as by a second worker on
 * one machine, gives way to any free one, with a warning; a port that was asked for does not.
 * @throws UnavailableError `port_unavailable`
 */
export async function startMetricsEndpoint(options: MetricsEndpointOptions): Promise<HealthServer | undefined> {
  const { config, log } = options;
  if (config.metricsPort === "off") {
    return undefined;
  }
  let server: HealthServer;
  try {
    server = await listen(options, config.metricsPort);
  } catch (error) {
    if (config.given.has("metricsPort") || !(error instanceof UnavailableError)) {
      throw error;
    }
    server = await listen(options, 0);
    log.warn("metrics.port_taken", "The default metrics port is taken; another one is used", {
      defaultPort: config.metricsPort,
      port: server.port,
    });
  }
  log.info("metrics.listening", "Metrics are served", { host: config.metricsHost, port: server.port });
  return server;
}

function listen(options: MetricsEndpointOptions, port: number): Promise<HealthServer> {
  const { config, metrics, queue, store, isDraining } = options;
  return HealthServer.start({
    host: config.metricsHost,
    port,
    metrics: metrics.registry,
    isDraining,
    checks: [
      { name: "redis_write", probe: () => queue.probeWrite() },
      {
        name: "store_read",
        probe: () =>
          store.transact((tx) => tx.get(FERRY_PREFIX, { snapshot: true }), { label: "probe", timeoutMs: 5_000 }),
      },
    ],
  });
}
