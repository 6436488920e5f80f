// Writes Grafana's dashboard, helm/ferry/dashboards/ferry.json, from the rows below. `--check` writes nothing and exits 1 when the file
// is not current. Every metric named here must exist: test/helm/dashboard.spec.ts compares with src/telemetry/metrics.ts.
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../helm/ferry/dashboards/ferry.json", import.meta.url);
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

/** Matchers of the release that the variables at the top select. */
const ONE = 'namespace="$namespace", app_kubernetes_io_instance="$release"';

// Gauges of the queue, of Redis and of campaigns are the same fact told by many processes: max, never sum.
// Counters are each process's own: sum of rates.

/** `metric{…}` with the release's matchers and more. */
const series = (metric, matchers = "") => `${metric}{${ONE}${matchers === "" ? "" : `, ${matchers}`}}`;
const rate = (metric, matchers) => `rate(${series(metric, matchers)}[$__rate_interval])`;
const sumRate = (metric, by, matchers) => `sum${by === undefined ? "" : ` by (${by})`} (${rate(metric, matchers)})`;
const max = (metric, by, matchers) => `max${by === undefined ? "" : ` by (${by})`} (${series(metric, matchers)})`;
const quantile = (q, metric, by) =>
  `histogram_quantile(${q}, sum by (${["le", by].filter(Boolean).join(", ")}) (${rate(`${metric}_bucket`)}))`;

const query = (expr, legend) => ({ expr, legend });

/** A panel before it has a place: `width` of Grafana's 24 columns. */
function panel(type, title, unit, queries, options = {}) {
  const { description, width = 8, height = 8, stack = false, thresholds, max: top, transparent } = options;
  return {
    type,
    title,
    ...(description === undefined ? {} : { description }),
    ...(transparent === undefined ? {} : { transparent }),
    datasource: DATASOURCE,
    size: { w: width, h: height },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      editorMode: "code",
      expr,
      ...(type === "stat" || type === "gauge" || type === "bargauge"
        ? { instant: true, range: false }
        : { range: true }),
      ...(legend === undefined ? {} : { legendFormat: legend }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(top === undefined ? {} : { max: top }),
        ...(type === "timeseries"
          ? {
              custom: {
                drawStyle: "line",
                lineWidth: 1,
                fillOpacity: stack ? 30 : 5,
                showPoints: "never",
                spanNulls: false,
                stacking: { mode: stack === "percent" ? "percent" : stack ? "normal" : "none", group: "A" },
              },
            }
          : {}),
        ...(thresholds === undefined
          ? {}
          : {
              color: { mode: "thresholds" },
              thresholds: {
                mode: "absolute",
                steps: thresholds.map(([value, color]) => ({ value, color })),
              },
            }),
      },
      overrides: [],
    },
    options:
      type === "timeseries"
        ? { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } }
        : { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, textMode: "auto" },
  };
}

const chart = (title, unit, queries, options) => panel("timeseries", title, unit, queries, options);
const stat = (title, unit, queries, options) =>
  panel("stat", title, unit, queries, { width: 4, height: 4, ...options });

const GOOD_AT_ZERO = [
  [null, "green"],
  [1, "red"],
];

/** What the dashboard shows, row by row. */
const ROWS = [
  {
    title: "Now",
    panels: [
      stat(
        "Campaign done",
        "percentunit",
        [
          query(
            `sum(max by (campaign, state) (${series("ferry_campaign_actors", 'campaign=~"$campaign", state!="pending"')}))` +
              ` / sum(max by (campaign, state) (${series("ferry_campaign_actors", 'campaign=~"$campaign"')}))`,
          ),
        ],
        {
          max: 1,
          description:
            "Actors that are done with, those given up as deferred among them, over all actors known. While a campaign still scans, the whole is not known yet.",
        },
      ),
      stat("Actors done per second", "ops", [
        query(sumRate("ferry_outcomes_total", undefined, 'state=~"migrated|skipped|rejected|failed"')),
      ]),
      stat("Waiting jobs", "short", [query(max("ferry_queue_jobs", undefined, 'state="waiting"'))]),
      stat("Workers: connected / wanted", "short", [
        query(max("ferry_connected_workers"), "connected"),
        query(max("ferry_desired_workers"), "wanted"),
      ]),
      stat("Last migration", "s", [query(`time() - (${max("ferry_last_success_timestamp_seconds")} > 0)`)], {
        description: "Seconds since an actor was last migrated; empty when none was since the workers started.",
      }),
      stat(
        "Verification mismatches, 24 h",
        "short",
        [query(`sum(increase(${series("ferry_outcomes_total", 'reason="verify_mismatch"')}[24h]))`)],
        {
          thresholds: GOOD_AT_ZERO,
          description: "Must stay 0: what was written to v2 did not read back as its source.",
        },
      ),
    ],
  },
  {
    title: "Campaigns",
    panels: [
      chart(
        "Actors by state",
        "short",
        [query(max("ferry_campaign_actors", "campaign, state", 'campaign=~"$campaign"'), "{{campaign}} {{state}}")],
        { width: 12, stack: true },
      ),
      chart(
        "Bytes by state",
        "bytes",
        [query(max("ferry_campaign_bytes", "campaign, state", 'campaign=~"$campaign"'), "{{campaign}} {{state}}")],
        { width: 12, stack: true },
      ),
      chart(
        "State of campaigns",
        "short",
        [
          query(
            `${max("ferry_campaign_info", "campaign, state", 'campaign=~"$campaign"')} > 0`,
            "{{campaign}} {{state}}",
          ),
        ],
        { description: "One line for each campaign's present state." },
      ),
      chart(
        "Paused by the circuit breaker",
        "short",
        [query(`${max("ferry_campaign_breaker_tripped", "campaign", 'campaign=~"$campaign"')} > 0`, "{{campaign}}")],
        { description: "Too many actors were rejected or failed: such a campaign waits for somebody to resume it." },
      ),
      chart("Ledger drift", "short", [query(max("ferry_ledger_drift", "campaign"), "{{campaign}}")], {
        description:
          "Actors on which a campaign's counters and its rows disagreed when it completed. Must be 0; ferry campaign audit looks now.",
      }),
    ],
  },
  {
    title: "Throughput and outcomes",
    panels: [
      chart("Actors per second, by state", "ops", [query(sumRate("ferry_outcomes_total", "state"), "{{state}}")], {
        stack: true,
      }),
      chart("Image bytes per second", "Bps", [query(sumRate("ferry_image_bytes_total"), "migrated")]),
      chart("Pages per second", "ops", [query(sumRate("ferry_pages_total"), "migrated")]),
      chart(
        "Rejected, by reason",
        "ops",
        [query(`${sumRate("ferry_outcomes_total", "reason", 'state="rejected"')} > 0`, "{{reason}}")],
        { stack: true },
      ),
      chart(
        "Skipped and deferred, by reason",
        "ops",
        [
          query(
            `${sumRate("ferry_outcomes_total", "state, reason", 'state=~"skipped|deferred"')} > 0`,
            "{{state}}: {{reason}}",
          ),
        ],
        { stack: true },
      ),
      chart("Failed, by reason, and retries", "ops", [
        query(`${sumRate("ferry_outcomes_total", "reason", 'state="failed"')} > 0`, "failed: {{reason}}"),
        query(sumRate("ferry_retries_total"), "will be tried again"),
      ]),
    ],
  },
  {
    title: "Where the time goes",
    panels: [
      chart(
        "Activity of job slots",
        "percentunit",
        [query(sumRate("ferry_activity_seconds_total", "activity"), "{{activity}}")],
        {
          width: 12,
          stack: "percent",
          description:
            "Every second of every slot of every worker, by what it did. What is largest limits the campaign.",
        },
      ),
      chart(
        "Throttled, by reason",
        "short",
        [query(`sum by (reason) (${series("ferry_throttle_active")})`, "{{reason}}")],
        { width: 12, stack: true, description: "Processes that hold back." },
      ),
      chart(
        "Phases of an attempt, p95",
        "s",
        [query(quantile(0.95, "ferry_phase_duration_seconds", "phase"), "{{phase}}")],
        { width: 12 },
      ),
      chart(
        "Phases of an attempt, median",
        "s",
        [query(quantile(0.5, "ferry_phase_duration_seconds", "phase"), "{{phase}}")],
        { width: 12 },
      ),
    ],
  },
  {
    title: "Queue and workers",
    panels: [
      chart("Jobs, by state", "short", [query(max("ferry_queue_jobs", "state"), "{{state}}")]),
      chart("Age of the oldest waiting job", "s", [query(max("ferry_queue_oldest_job_age_seconds"), "oldest")]),
      chart("Workers", "short", [
        query(max("ferry_connected_workers"), "connected"),
        query(max("ferry_desired_workers"), "wanted"),
        query(`sum(${series("ferry_draining")})`, "draining"),
      ]),
      chart("Jobs under way and the limit", "short", [
        query(`sum(${series("ferry_in_flight")})`, "under way"),
        query(`sum(${series("ferry_concurrency_limit")})`, "limit"),
      ]),
      chart(
        "Losses",
        "ops",
        [
          query(sumRate("ferry_lease_losses_total"), "leases"),
          query(sumRate("ferry_fence_losses_total"), "fences"),
          query(sumRate("ferry_lock_losses_total"), "queue locks"),
          query(sumRate("ferry_queue_errors_total"), "errors of the queue"),
        ],
        { description: "The store's fences keep data right; a loss costs work done twice." },
      ),
      chart("Redis memory", "percentunit", [query(max("ferry_redis_memory_ratio"), "used of maxmemory")], { max: 1 }),
      stat("Redis may evict", "short", [query(max("ferry_redis_evicts"))], {
        thresholds: GOOD_AT_ZERO,
        description: "Must be 0: maxmemory-policy noeviction.",
      }),
    ],
  },
  {
    title: "Store",
    panels: [
      chart(
        "Transactions, by result",
        "ops",
        [query(sumRate("ferry_store_transactions_total", "result"), "{{result}}")],
        { width: 12, stack: true },
      ),
      chart(
        "Transactions, by what for",
        "ops",
        [query(sumRate("ferry_store_transactions_total", "label"), "{{label}}")],
        { width: 12, stack: true },
      ),
      chart(
        "Commit duration",
        "s",
        [
          query(quantile(0.5, "ferry_store_commit_duration_seconds"), "median"),
          query(quantile(0.95, "ferry_store_commit_duration_seconds"), "p95"),
          query(quantile(0.99, "ferry_store_commit_duration_seconds"), "p99"),
        ],
        { width: 12 },
      ),
      chart(
        "Transactions that did not commit",
        "ops",
        [
          query(
            `${sumRate("ferry_store_transactions_total", "label, result", 'result!~"committed|read_only"')} > 0`,
            "{{label}}: {{result}}",
          ),
        ],
        { width: 12 },
      ),
    ],
  },
  {
    title: "The engine's own migrations, and Ferry's under the same names",
    panels: [
      chart(
        "Attempts and successes",
        "ops",
        [
          query("sum by (job) (rate(pegboard_sqlite_migration_attempts_total[$__rate_interval]))", "{{job}} attempts"),
          query(
            "sum by (job) (rate(pegboard_sqlite_migration_successes_total[$__rate_interval]))",
            "{{job}} successes",
          ),
        ],
        { description: "Not limited to this release: actors that the engine migrates by itself count as well." },
      ),
      chart("Failures, by phase", "ops", [
        query(
          "sum by (job, phase) (rate(pegboard_sqlite_migration_failures_total[$__rate_interval])) > 0",
          "{{job}} {{phase}}",
        ),
        query(
          "sum by (job) (rate(pegboard_sqlite_migration_rejected_journal_total[$__rate_interval])) > 0",
          "{{job}} rejected: journal",
        ),
        query(sumRate("ferry_journals_total", "action"), "journal {{action}}"),
      ]),
      chart("Duration and pages, p95", "s", [
        query(
          "histogram_quantile(0.95, sum by (le, job) (rate(pegboard_sqlite_migration_duration_seconds_bucket[$__rate_interval])))",
          "{{job}} duration",
        ),
      ]),
      chart("Pages per actor, p95", "short", [
        query(
          "histogram_quantile(0.95, sum by (le, job) (rate(pegboard_sqlite_migration_pages_bucket[$__rate_interval])))",
          "{{job}}",
        ),
      ]),
    ],
  },
  {
    title: "Processes",
    panels: [
      chart("Resident memory", "bytes", [query(series("process_resident_memory_bytes"), "{{pod}}")]),
      chart("CPU", "short", [query(rate("process_cpu_seconds_total"), "{{pod}}")]),
      chart("Event loop lag, p99", "s", [query(series("nodejs_eventloop_lag_p99_seconds"), "{{pod}}")]),
      chart("Heap in use", "bytes", [query(series("nodejs_heap_size_used_bytes"), "{{pod}}")]),
      chart("Garbage collection", "percentunit", [
        query(`sum by (pod, kind) (${rate("nodejs_gc_duration_seconds_sum")})`, "{{pod}} {{kind}}"),
      ]),
      chart(
        "Versions",
        "short",
        [query(`count by (version, revision) (${series("ferry_build_info")})`, "{{version}} {{revision}}")],
        { stack: true },
      ),
    ],
  },
];

/** Places panels left to right, row under row. */
function layOut(rows) {
  const panels = [];
  let y = 0;
  let id = 1;
  for (const row of rows) {
    panels.push({
      id: id++,
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: 24, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    let lineHeight = 0;
    for (const { size, ...rest } of row.panels) {
      if (x + size.w > 24) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      panels.push({ id: id++, ...rest, gridPos: { x, y, ...size } });
      x += size.w;
      lineHeight = Math.max(lineHeight, size.h);
    }
    y += lineHeight;
  }
  return panels;
}

const labelVariable = (name, label, definition, options = {}) => ({
  type: "query",
  name,
  label,
  datasource: DATASOURCE,
  definition,
  query: { query: definition, refId: "StandardVariableQuery" },
  refresh: 2,
  sort: 1,
  ...options,
});

const dashboard = {
  uid: "ferry",
  title: "Ferry",
  description: "Actors' SQLite databases on their way from v1 to v2.",
  tags: ["ferry"],
  schemaVersion: 39,
  version: 1,
  editable: true,
  graphTooltip: 1,
  refresh: "30s",
  time: { from: "now-6h", to: "now" },
  timezone: "browser",
  annotations: { list: [] },
  links: [],
  templating: {
    list: [
      { type: "datasource", name: "datasource", label: "Prometheus", query: "prometheus", refresh: 1, current: {} },
      labelVariable("namespace", "Namespace", "label_values(ferry_build_info, namespace)"),
      labelVariable(
        "release",
        "Release",
        'label_values(ferry_build_info{namespace="$namespace"}, app_kubernetes_io_instance)',
      ),
      labelVariable("campaign", "Campaign", `label_values(ferry_campaign_info{${ONE}}, campaign)`, {
        multi: true,
        includeAll: true,
        allValue: ".*",
        current: { text: "All", value: "$__all" },
      }),
    ],
  },
  panels: layOut(ROWS),
};

const text = `${JSON.stringify(dashboard, null, 2)}\n`;
if (process.argv.includes("--check")) {
  if (readFileSync(FILE, "utf8") !== text) {
    console.error("helm/ferry/dashboards/ferry.json is not current: run node scripts/generate-dashboard.mjs");
    process.exitCode = 1;
  }
} else {
  writeFileSync(FILE, text);
}
