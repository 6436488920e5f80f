import { once } from "node:events";
import { request, type IncomingHttpHeaders } from "node:http";
import { connect, createServer } from "node:net";

import { expect } from "chai";

import { UnavailableError } from "../../src/errors.ts";
import { HealthServer, type HealthOptions } from "../../src/telemetry/health.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { eventually } from "../queue/eventually.ts";
import { withMockIntervals } from "../support/mock-intervals.ts";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

async function get(server: HealthServer, path: string, method = "GET"): Promise<Answer> {
  const sent = request({ port: server.port, host: "127.0.0.1", path, method }).end();
  const [response] = (await once(sent, "response")) as [
    NodeJS.ReadableStream & { statusCode: number; headers: IncomingHttpHeaders },
  ];
  let text = "";
  for await (const chunk of response) {
    text += String(chunk);
  }
  return { status: response.statusCode, headers: response.headers, text };
}

describe("telemetry/health", () => {
  const servers: HealthServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.close()));
    servers.length = 0;
  });

  async function start(options: Partial<HealthOptions> = {}): Promise<HealthServer> {
    const server = await HealthServer.start({
      port: 0,
      metrics: createMetrics({ version: "1" }, { processMetrics: false }).registry,
      isDraining: () => false,
      checks: [],
      ...options,
    });
    servers.push(server);
    return server;
  }

  it("serves the metrics in Prometheus' format", async () => {
    const response = await get(await start(), "/metrics");
    expect(response.headers["content-type"]).to.match(/^text\/plain; version=0\.0\.4/);
    expect(response.text).to.contain("ferry_build_info");
  });

  it("is healthy while it answers, and knows nothing else", async () => {
    const server = await start();
    expect((await get(server, "/healthz")).status).to.equal(200);
    expect((await get(server, "/healthz", "HEAD")).status).to.equal(200);
    expect((await get(server, "/healthz", "POST")).status).to.equal(405);
    expect((await get(server, "/else")).status).to.equal(404);
  });

  it("is ready when every check has succeeded, and says which has not", async () => {
    const server = await start({
      checks: [
        { name: "redis_write", probe: () => Promise.resolve() },
        { name: "store_read", probe: () => Promise.reject(new Error("away: fdb://u:secret@host")) },
      ],
    });
    await eventually("both checks have run", async () => (await get(server, "/readyz")).text.includes("away"));
    const response = await get(server, "/readyz");
    expect(response.status).to.equal(503);
    const body = JSON.parse(response.text) as {
      ready: boolean;
      checks: Record<string, { ready: boolean; error?: string }>;
    };
    expect(body.ready).to.equal(false);
    expect(body.checks["redis_write"]?.ready).to.equal(true);
    expect(body.checks["store_read"]).to.deep.equal({ ready: false, error: "away: fdb://u:***@host" });
  });

  it("forgets a success after the time allowed, also when a probe hangs", async () => {
    let nowMs = 0;
    let runs = 0;
    const server = await start({
      everyMs: 1,
      nowMs: () => nowMs,
      checks: [{ name: "redis_write", probe: () => (++runs === 1 ? Promise.resolve() : new Promise(() => undefined)) }],
    });
    await eventually("the second probe hangs", () => runs === 2);
    expect((await get(server, "/readyz")).status).to.equal(200);
    nowMs = 30_001;
    expect((await get(server, "/readyz")).status).to.equal(503);
    expect(runs).to.equal(2);
  });

  it("no longer says what failed once that has succeeded", async () => {
    let runs = 0;
    const probe = (): Promise<void> => (++runs === 1 ? Promise.reject(new Error("away")) : Promise.resolve());
    const server = await start({ everyMs: 1, checks: [{ name: "store_read", probe }] });
    await eventually("it has succeeded", async () => (await get(server, "/readyz")).status === 200);
    expect((await get(server, "/readyz")).text).not.to.contain("away");
  });

  it("is not ready while it drains", async () => {
    const response = await get(await start({ isDraining: () => true }), "/readyz");
    expect(response.status).to.equal(503);
    expect(JSON.parse(response.text)).to.deep.equal({ ready: false, draining: true, checks: {} });
  });

  it("says in one sentence that a port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const error: unknown = await start({ port }).catch((thrown: unknown) => thrown);
    other.close();
    expect(error).to.be.instanceOf(UnavailableError);
    expect((error as Error).message).to.equal(
      `Metrics cannot be served on 127.0.0.1:${port} (EADDRINUSE): choose another port.`,
    );
  });

  it("asks its checks again and again, and no more once it is closed", async () => {
    let probes = 0;
    const probe = (): Promise<void> => {
      probes += 1;
      return Promise.resolve();
    };
    await withMockIntervals(async (tick) => {
      const server = await start({ checks: [{ name: "store_read", probe }], everyMs: 1_000 });
      expect(probes).to.equal(1);
      // Each begins where the one before has ended.
      for (let round = 2; round <= 3; round += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        tick(1_000);
        expect(probes).to.equal(round);
      }
      await server.close();
      await new Promise((resolve) => setImmediate(resolve));
      tick(10_000);
      expect(probes).to.equal(3);
    });
  });

  it("closes although a client has sent half a request", async () => {
    const server = await start();
    const client = connect(server.port, "127.0.0.1");
    client.on("error", () => undefined);
    const ended = once(client, "close");
    await new Promise<void>((resolve) => {
      client.write("GET /healthz HTTP/1.1\r\n", () => {
        resolve();
      });
    });
    await get(server, "/healthz");
    await server.close();
    await ended;
  });

  it("closes although a client keeps its connection, and twice", async () => {
    const server = await start();
    expect((await get(server, "/healthz")).text).to.equal("ok\n");
    await server.close();
    await server.close();
    const error: unknown = await get(server, "/healthz").catch((thrown: unknown) => thrown);
    expect((error as { code?: string }).code).to.be.oneOf(["ECONNREFUSED", "ECONNRESET"]);
  });
});
