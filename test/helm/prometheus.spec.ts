import { expect } from "chai";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import sqlite from "node-sqlite3-wasm";
import { stringify } from "yaml";

import { ferryHere, FerryProcess } from "../support/cli.ts";
import { freePort, TestRedis } from "../support/redis.ts";
import { CHART, Chart, ROOT } from "./support/chart.ts";
import { seriesIn } from "./support/promql.ts";
import { describeWith } from "./support/tools.ts";

/** The labels of the release `rel` in the namespace `ns`, as the chart's monitors set them. */
const LABELS = { namespace: "ns", app_kubernetes_io_instance: "rel", pod: "a" };
const VARIABLES: readonly (readonly [string, string])[] = [
  ["$namespace", "ns"],
  ["$release", "rel"],
  ["$campaign", ".*"],
  ["$__rate_interval", "1m"],
];

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result?: readonly { readonly value: readonly [number, string] }[];
    readonly groups?: readonly { readonly rules: readonly { readonly name: string; readonly health: string }[] }[];
  };
}

async function getText(url: string): Promise<string> {
  const [response] = (await once(get(url), "response")) as [AsyncIterable<Buffer>];
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Polls until `probe` gives something; fails after half a minute with what was awaited. */
async function until<T>(awaited: string, probe: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = await probe().catch(() => undefined);
    if (found !== undefined) {
      return found;
    }
    if (Date.now() > deadline) {
      throw new Error(`half a minute without ${awaited}`);
    }
    await sleep(100);
  }
}

describeWith(["helm", "prometheus", "redis-server"], "a real Prometheus and a real worker", ({ helm, prometheus }) => {
  let folder: string;
  let redis: TestRedis;
  let worker: FerryProcess;
  let server: ChildProcess;
  let env: Record<string, string>;
  let workerUrl: string;
  let serverUrl: string;

  const ask = async (path: string): Promise<Answer> => JSON.parse(await getText(`${serverUrl}${path}`)) as Answer;
  const query = (expression: string): Promise<Answer> => ask(`/api/v1/query?query=${encodeURIComponent(expression)}`);
  const valueOf = async (expression: string): Promise<string | undefined> =>
    (await query(expression)).data?.result?.[0]?.value[1];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ferry-prometheus-"));
    redis = await TestRedis.start();
    env = { FERRY_STORE: `lmdb:${join(folder, "store")}`, FERRY_REDIS_URL: redis.url, FERRY_LOG_FORMAT: "json" };
    await ferryHere(["store", "load", "-"], { env });
    worker = new FerryProcess(["worker"], { env: { ...env, FERRY_METRICS_PORT: "0", FERRY_REVISION: "4f1c" } });
    await worker.said('"metrics.listening"');
    workerUrl = `127.0.0.1:${/"metrics\.listening".*"port":(\d+)/.exec(worker.stderr)?.[1] ?? ""}`;

    const { spec } = await new Chart(helm).one("monitoring", "PrometheusRule");
    await writeFile(join(folder, "rules.yml"), stringify({ groups: spec.groups }));
    await writeFile(
      join(folder, "prometheus.yml"),
      stringify({
        global: { scrape_interval: "1s", evaluation_interval: "1s" },
        rule_files: ["rules.yml"],
        scrape_configs: [{ job_name: "ferry", static_configs: [{ targets: [workerUrl], labels: LABELS }] }],
      }),
    );
    const address = `127.0.0.1:${await freePort()}`;
    serverUrl = `http://${address}`;
    server = spawn(
      prometheus,
      [
        ...["--config.file", join(folder, "prometheus.yml"), "--storage.tsdb.path", join(folder, "data")],
        ...["--web.listen-address", address, "--log.level", "error"],
      ],
      { stdio: "ignore" },
    );
    await until("Prometheus", async () => (await getText(`${serverUrl}/-/ready`)).includes("Ready") || undefined);
  });

  after(async () => {
    worker.kill("SIGTERM");
    const gone = server.exitCode === null ? once(server, "exit") : undefined;
    server.kill("SIGTERM");
    await Promise.all([worker.ended(), gone]);
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  it("see each other: the worker's series arrive, under the release's labels", async () => {
    const version = (JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { version: string }).version;
    const selector = `{namespace="ns", app_kubernetes_io_instance="rel", version="${version}", revision="4f1c"}`;
    expect(await until("the worker's series", () => valueOf(`ferry_build_info${selector}`))).to.equal("1");
    expect(
      await until("a slot that waits for work", () => valueOf('ferry_activity_seconds_total{activity="idle"} > 0')),
    );
    expect(await valueOf("ferry_concurrency_limit")).to.equal("4");
  });

  it("count an actor that was migrated", async () => {
    const file = join(folder, "actor.sqlite");
    const database = new sqlite.Database(file);
    database.exec("create table t (a integer primary key)");
    database.close();
    const imported = new FerryProcess(["v1", "import", file], { env });
    const actorId = (await imported.ended()).stdout.trim();
    expect(actorId, imported.stderr).not.to.equal("");
    expect((await new FerryProcess(["enqueue", actorId, "--wait"], { env }).ended()).status).to.equal(0);
    await until("a migrated actor", () => valueOf('ferry_outcomes_total{state="migrated"} == 1'));
    await until("the engine's name for it", () => valueOf("pegboard_sqlite_migration_successes_total == 1"));
    await until("its pages", () => valueOf("ferry_pages_total > 0"));
  });

  it("agree on every name: all metrics that dashboard and alerts ask for are in the worker's scrape", async () => {
    const types = [...(await getText(`http://${workerUrl}/metrics`)).matchAll(/^# TYPE (\w+) (\w+)$/gm)];
    const served = new Set(
      types.flatMap(([, name = "", type]) =>
        type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    const texts = [
      readFileSync(join(folder, "rules.yml"), "utf8"),
      readFileSync(`${CHART}/dashboards/ferry.json`, "utf8"),
    ];
    const asked = texts.flatMap(seriesIn);
    expect(asked.length).to.be.greaterThan(60);
    expect([...served]).to.include.members(asked);
  });

  it("take every query of the dashboard", async () => {
    const { panels } = JSON.parse(readFileSync(`${CHART}/dashboards/ferry.json`, "utf8")) as {
      panels: { targets?: { expr: string }[] }[];
    };
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(expressions.length).to.be.greaterThan(40);
    for (const expression of expressions) {
      const filled = VARIABLES.reduce((text, [name, value]) => text.replaceAll(name, value), expression);
      expect(await query(filled), filled).to.include({ status: "success" });
    }
  });

  it("evaluate every alert, and none fires", async () => {
    const rules = await until("all alerts evaluated", async () => {
      const found = (await ask("/api/v1/rules")).data?.groups?.flatMap((group) => group.rules) ?? [];
      return found.length > 0 && found.every(({ health }) => health !== "unknown") ? found : undefined;
    });
    expect(rules.filter(({ health }) => health !== "ok")).to.deep.equal([]);
    expect((await query('ALERTS{alertstate="firing"}')).data?.result).to.deep.equal([]);
  });
});
