import { expect } from "chai";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { parse, stringify } from "yaml";

import { createMetrics } from "../../src/telemetry/metrics.ts";
import { CHART, Chart, ROOT } from "./support/chart.ts";
import { exportedSeries, labelsIn, seriesIn } from "./support/promql.ts";
import { describeWith } from "./support/tools.ts";

const run = promisify(execFile);

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
interface Group {
  readonly name: string;
  readonly rules: readonly Alert[];
}

/** One test of alerts.promtool.yaml: what promtool takes, and when the alert fires. */
interface AlertTest {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly { readonly series: string; readonly values: string }[];
  readonly none_of?: "all";
  readonly at?: readonly string[];
  readonly alert?: string;
  readonly fires_at?: readonly string[];
  readonly quiet_at?: readonly string[];
  readonly exp_labels?: Readonly<Record<string, string>>;
  /** The alert's value as its annotations show it. */
  readonly shown?: string;
}

const RELEASE = 'namespace="ns", app_kubernetes_io_instance="rel"';
const source = parse(readFileSync(`${CHART}/alerts/alerts.yaml`, "utf8")) as readonly Group[];
const names = source.flatMap(({ rules }) => rules.map(({ alert }) => alert));
const tests = parse(readFileSync(new URL("alerts.promtool.yaml", import.meta.url), "utf8")) as {
  readonly tests: readonly AlertTest[];
};

describe("every alert", () => {
  it("has a runbook, and every runbook an alert", () => {
    const pages = names.map((name) => `alert-${kebab(name.replace(/^Ferry/, ""))}.md`);
    const files = readdirSync(`${ROOT}docs/runbooks`).filter((file) => file.startsWith("alert-"));
    expect(files.sort()).to.deep.equal(pages.sort());
    for (const page of pages) {
      const text = readFileSync(`${ROOT}docs/runbooks/${page}`, "utf8");
      for (const part of ["What it means", "How it comes about", "What to look at", "What to do", "What not to do"]) {
        expect(text, page).to.contain(`## ${part}`);
      }
    }
  });

  it("is tested: it fires, and it does not", () => {
    for (const name of names) {
      const own = tests.tests.filter(({ alert }) => alert === name);
      expect(
        own.some((test) => (test.fires_at ?? []).length > 0),
        `${name} fires`,
      ).to.equal(true);
      expect(
        own.some((test) => (test.quiet_at ?? []).length > 0),
        `${name} is quiet`,
      ).to.equal(true);
    }
  });

  it("has a summary and a severity; pages are few", () => {
    for (const { alert, labels, annotations } of source.flatMap(({ rules }) => rules)) {
      expect(annotations["summary"], alert).to.match(/^Ferry %release%: /);
      expect(annotations["description"], alert).to.match(/\.$/);
      expect(["page", "ticket"], alert).to.include(labels["severity"]);
    }
    const pages = source.flatMap(({ rules }) => rules).filter(({ labels }) => labels["severity"] === "page");
    expect(pages.map(({ alert }) => alert)).to.deep.equal([
      "FerryVerifyMismatch",
      "FerryCampaignStalled",
      "FerryNoWorkers",
      "FerryNoFeeder",
    ]);
  });
});

describeWith(["helm"], "the PrometheusRule", ({ helm }) => {
  const chart = new Chart(helm);
  const groupsOf = async (values: string, ...set: string[]): Promise<readonly Group[]> =>
    (await chart.one(values, "PrometheusRule", "", ...set)).spec.groups as readonly Group[];

  it("asks only for metrics that exist, of this release, by labels that they have", async () => {
    const exported = await exportedSeries(createMetrics({ version: "0.1.0" }).registry);
    for (const { alert, expr } of (await groupsOf("monitoring")).flatMap(({ rules }) => rules)) {
      expect(seriesIn(expr), alert).not.to.have.lengthOf(0);
      const own = ["namespace", "app_kubernetes_io_instance"];
      for (const name of seriesIn(expr)) {
        expect([...exported.keys()], alert).to.include(name);
        own.push(...(exported.get(name) ?? []));
      }
      expect(own, alert).to.include.members(labelsIn(expr));
      expect(expr.split(RELEASE), alert).to.have.lengthOf(seriesIn(expr).length + 1);
    }
  });

  it("gives every alert its runbook's address, the release and further labels", async () => {
    for (const { alert, labels, annotations } of (await groupsOf("monitoring")).flatMap(({ rules }) => rules)) {
      const page = `alert-${kebab(alert.replace(/^Ferry/, ""))}.md`;
      expect(annotations["runbook_url"]).to.equal(`https://runbooks.example.com/ferry/${page}`);
      expect(existsSync(`${ROOT}docs/runbooks/${page}`), page).to.equal(true);
      expect(labels).to.include({ namespace: "ns", release: "rel", team: "storage" });
      expect(JSON.stringify([labels, annotations])).not.to.contain("%");
    }
  });

  it("asks for a feeder only where there is to be one", async () => {
    const alerts = async (...set: string[]): Promise<string[]> =>
      (await groupsOf("monitoring", ...set)).flatMap(({ rules }) => rules.map(({ alert }) => alert));
    expect(await alerts()).to.have.members(names);
    expect(await alerts("feeder.enabled=false")).to.have.members(names.filter((name) => name !== "FerryNoFeeder"));
  });

  it("takes thresholds, a selector, further groups and exceptions from the values", async () => {
    const groups = await groupsOf("podmonitor");
    const rules = groups.flatMap((group) => group.rules);
    const rule = (name: string): Alert | undefined => rules.find(({ alert }) => alert === name);
    expect(rule("FerryCampaignStalled")?.for).to.equal("3600s");
    expect(rule("FerryRejectRateHigh")?.expr).to.contain("> 0.125\n");
    expect(rule("FerryRejectRateHigh")?.expr).to.match(/>= 50$/);
    expect(rule("FerryRedisMemoryHigh")?.expr).to.equal('max(ferry_redis_memory_ratio{job="ferry"}) > 1');
    expect(rule("FerryLedgerDrift")).to.equal(undefined);
    expect(rules).to.have.lengthOf(names.length);
    expect(groups.map(({ name }) => name)).to.deep.equal(["rel-ferry-pages", "rel-ferry-tickets", "mine"]);
  });
});

describeWith(["helm", "promtool"], "promtool", ({ helm, promtool }) => {
  let directory: string;
  const alerts = new Map<string, Alert>();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "ferry-alerts-"));
    const { spec } = await new Chart(helm).one("monitoring", "PrometheusRule");
    for (const alert of (spec.groups as readonly Group[]).flatMap(({ rules }) => rules)) {
      alerts.set(alert.alert, alert);
    }
    await writeFile(join(directory, "rules.yaml"), stringify({ groups: spec.groups }));
  });
  after(() => rm(directory, { recursive: true }));

  it("accepts the rules that the chart renders", async () => {
    const { stdout } = await run(promtool, ["check", "rules", join(directory, "rules.yaml")]);
    expect(stdout).to.contain(`SUCCESS: ${alerts.size} rules found`);
  });

  for (const test of tests.tests) {
    it(test.name, async () => {
      const file = join(directory, "test.yaml");
      const own = { rule_files: ["rules.yaml"], evaluation_interval: "1m", tests: [promtoolTest(test, alerts)] };
      await writeFile(file, stringify(own));
      await run(promtool, ["test", "rules", file]).catch((error: unknown) => {
        const { stdout, stderr } = error as { stdout: string; stderr: string };
        throw new Error(stdout + stderr);
      });
    });
  }
});

/** A test as promtool takes it. Annotations are compared as they come out: `shown` is what stands for the alert's value. */
function promtoolTest(test: AlertTest, alerts: ReadonlyMap<string, Alert>): unknown {
  const cases: unknown[] = [];
  for (const time of test.at ?? []) {
    [...alerts.keys()].forEach((name) => cases.push({ eval_time: time, alertname: name, exp_alerts: [] }));
  }
  for (const time of test.quiet_at ?? []) {
    cases.push({ eval_time: time, alertname: test.alert, exp_alerts: [] });
  }
  for (const time of test.fires_at ?? []) {
    const alert = alerts.get(test.alert ?? "");
    const annotations = Object.entries(alert?.annotations ?? {}).map(([name, text]) => [
      name,
      text
        .replace(/\{\{ \$value[^}]*\}\}/, test.shown ?? "")
        .replace(/\{\{ \$labels\.(\w+) \}\}/, (_, label: string) => test.exp_labels?.[label] ?? ""),
    ]);
    const expected = {
      exp_labels: { ...alert?.labels, ...test.exp_labels },
      exp_annotations: Object.fromEntries(annotations) as Record<string, string>,
    };
    cases.push({ eval_time: time, alertname: test.alert, exp_alerts: [expected] });
  }
  return {
    name: test.name,
    interval: test.interval,
    input_series: test.input_series.map(({ series, values }) => ({
      series: series.replace("RELEASE", RELEASE),
      values,
    })),
    alert_rule_test: cases,
  };
}

function kebab(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();
}
