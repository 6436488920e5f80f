import { expect } from "chai";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";

import { createMetrics } from "../../src/telemetry/metrics.ts";
import { HealthServer } from "../../src/telemetry/health.ts";
import { CHART } from "./support/chart.ts";

/** Runs the script of `helm test` as its pod does; gives exit status and output. */
function check(seconds: number, ...bases: string[]): Promise<{ status: number; output: string }> {
  const script = readFileSync(`${CHART}/tests/check-endpoint.mjs`, "utf8");
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--enable-source-maps", "--input-type=module", "-e", script, ...bases],
      { env: { CHECK_SECONDS: String(seconds) } },
      (error, stdout, stderr) => {
        resolve({ status: typeof error?.code === "number" ? error.code : 0, output: stdout + stderr });
      },
    );
  });
}

describe("the script of helm test", function () {
  this.timeout(20_000);
  let isReady = true;
  let server: HealthServer;

  before(async () => {
    const { registry } = createMetrics({ version: "0.1.0" }, { processMetrics: false });
    server = await HealthServer.start({ port: 0, metrics: registry, checks: [], isDraining: () => !isReady });
  });
  after(() => server.close());

  it("passes when every process answers with metrics and is ready", async () => {
    const base = `http://127.0.0.1:${server.port}`;
    const { status, output } = await check(0, base, base);
    expect(output).to.equal(`${base}: ready, with metrics\n`.repeat(2));
    expect(status).to.equal(0);
  });

  it("waits for one that is not ready yet", async () => {
    isReady = false;
    setTimeout(() => (isReady = true), 700).unref();
    expect(await check(15, `http://127.0.0.1:${server.port}`)).to.include({ status: 0 });
  });

  it("fails with what it found: not ready, not Ferry, nobody there", async () => {
    isReady = false;
    const draining = await check(0, `http://127.0.0.1:${server.port}`);
    expect(draining.output).to.contain('/readyz answers 503: {"ready":false,"draining":true');
    expect(draining.status).to.equal(1);

    const other = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    expect(await check(0, `http://127.0.0.1:${port}`)).to.deep.equal({
      status: 1,
      output: `http://127.0.0.1:${port}: /metrics has no ferry_build_info\n`,
    });
    other.close();
    await once(other, "close");
    expect((await check(0, `http://127.0.0.1:${port}`)).output).to.contain("ECONNREFUSED");
  });
});
