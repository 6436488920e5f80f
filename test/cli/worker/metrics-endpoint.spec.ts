import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { startMetricsEndpoint } from "../../../src/cli/worker/metrics-endpoint.ts";
import { loadConfig, type Environment } from "../../../src/config/config.ts";
import type { MigrationQueue } from "../../../src/queue/migration-queue.ts";
import type { HealthServer } from "../../../src/telemetry/health.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import { createMetrics } from "../../../src/telemetry/metrics.ts";
import { MemoryStore } from "../../support/memory-store.ts";

describe("a worker's metrics", () => {
  let taken: Server;
  let port: number;

  before(async () => {
    taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    ({ port } = taken.address() as AddressInfo);
  });
  after(() => {
    taken.close();
  });

  /** The port that is taken stands for the default one. */
  const start = (environment: Environment): Promise<HealthServer | undefined> => {
    const config = loadConfig(environment);
    return startMetricsEndpoint({
      config: config.given.has("metricsPort") ? config : { ...config, metricsPort: port },
      metrics: createMetrics({ version: "test" }, { processMetrics: false }),
      queue: { probeWrite: () => Promise.resolve() } as Partial<MigrationQueue> as MigrationQueue,
      store: new MemoryStore(),
      isDraining: () => false,
      log: createLogger({ stream: new PassThrough().resume() }),
    });
  };

  it("are on another port where the default one is taken, as by a second worker on the machine", async () => {
    const server = await start({});
    expect(server?.port).to.be.above(0).and.not.equal(port);
    await server?.close();
  });

  it("are not moved from a port that was asked for", async () => {
    const error: unknown = await start({ FERRY_METRICS_PORT: String(port) }).catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: "port_unavailable" });
  });

  it("are nowhere where they are off", async () => {
    expect(await start({ FERRY_METRICS_PORT: "off" })).to.equal(undefined);
  });
});
