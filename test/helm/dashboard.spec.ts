import { expect } from "chai";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { promisify } from "node:util";

import { createMetrics } from "../../src/telemetry/metrics.ts";
import { CHART, Chart, ROOT } from "./support/chart.ts";
import { exportedSeries, labelsIn, seriesIn } from "./support/promql.ts";
import { describeWith } from "./support/tools.ts";

const run = promisify(execFile);

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly definition?: string }[] };
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const text = readFileSync(`${CHART}/dashboards/ferry.json`, "utf8");
const dashboard = JSON.parse(text) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== "row");
const queries = [
  ...panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr)),
  ...dashboard.templating.list.map(({ definition }) => definition ?? "").filter((definition) => definition !== ""),
];

describe("the dashboard", () => {
  it("is what its source generates", async () => {
    await run(process.execPath, [`${ROOT}scripts/generate-dashboard.mjs`, "--check"]);
  }).timeout(20_000);

  it("asks only for metrics that exist, by labels that they have", async () => {
    const exported = await exportedSeries(createMetrics({ version: "0.1.0" }).registry);
    for (const query of queries) {
      for (const metric of seriesIn(query)) {
        expect([...exported.keys()], query).to.include(metric);
        const own = [...(exported.get(metric) ?? []), ...TARGET_LABELS, "le"];
        expect(own, query).to.include.members(labelsIn(query));
      }
    }
  });

  it("shows every metric of Ferry's and of the engine's", async () => {
    const asked = new Set(queries.flatMap(seriesIn));
    const exported = await exportedSeries(createMetrics({ version: "0.1.0" }, { processMetrics: false }).registry);
    const families = new Set([...exported.keys()].map((name) => name.replace(/_(bucket|sum|count)$/, "")));
    for (const family of families) {
      expect(
        [family, `${family}_bucket`].some((name) => asked.has(name)),
        family,
      ).to.equal(true);
    }
  });

  it("calls done what the command line does: all that is not pending, those given up as deferred as well", () => {
    const done = panels.find(({ title }) => title === "Campaign done")?.targets?.[0]?.expr.split(" / ") ?? [];
    expect(done).to.have.lengthOf(2);
    expect(done[0]).to.contain('state!="pending"').and.not.contain("state=");
  });

  it("looks at one release, except where it compares with the engine", () => {
    for (const { title, targets } of panels) {
      for (const { expr } of targets ?? []) {
        const isOfOneRelease = expr.includes('namespace="$namespace", app_kubernetes_io_instance="$release"');
        expect(isOfOneRelease || expr.includes("pegboard_sqlite_migration_"), title).to.equal(true);
      }
    }
  });

  it("has panels that do not overlap, each with an id and a query", () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).to.equal(dashboard.panels.length);
    const taken = new Set<string>();
    for (const { gridPos, title } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).to.be.at.most(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken, title).not.to.include(`${x},${y}`);
          taken.add(`${x},${y}`);
        }
      }
    }
    for (const { targets, title } of panels) {
      expect(targets, title).not.to.have.lengthOf(0);
    }
  });
});

/** Labels that come from where a series was scraped. */
const TARGET_LABELS = ["namespace", "app_kubernetes_io_instance", "pod", "job"];

describeWith(["helm"], "the dashboard's ConfigMap", ({ helm }) => {
  it("holds the dashboard whole, where Grafana's sidecar finds it", async () => {
    const { metadata, data } = await new Chart(helm).one("monitoring", "ConfigMap", "-dashboard");
    expect(JSON.parse(data?.["ferry.json"] ?? "")).to.deep.equal(dashboard);
    expect(metadata.namespace).to.equal("monitoring");
    expect(metadata.labels).to.include({ grafana_dashboard: "1" });
    expect(metadata.annotations).to.include({ grafana_folder: "Ferry" });
  });
});
