import { expect } from "chai";

import { Chart } from "./support/chart.ts";
import { describeWith } from "./support/tools.ts";

/** What is set, in which of `ci/`'s installations, and what Helm must then say. */
const REFUSALS: readonly (readonly [title: string, values: string, set: readonly string[], message: string])[] = [
  ["two scalers", "keda", ["autoscaling.enabled=true"], "keda.enabled and autoscaling.enabled exclude each other"],
  ["KEDA without Prometheus", "minimal", ["keda.enabled=true"], "keda.serverAddress is missing"],
  ["scalers upside down", "keda", ["keda.minReplicas=31"], "keda.minReplicas (31) is more than keda.maxReplicas (30)"],
  ["HPA upside down", "autoscaling", ["autoscaling.maxReplicas=2"], "autoscaling.minReplicas (3) is more than"],
  [
    "an HPA with nothing to go by",
    "minimal",
    ["autoscaling.enabled=true", "autoscaling.targetCPUUtilizationPercentage=null"],
    "autoscaling.enabled without a metric",
  ],
  ["nobody to ask for workers", "keda", ["feeder.enabled=false"], "keda.minReplicas is 0 and feeder.enabled is false"],
  [
    "nobody to ask for workers, though enabled",
    "keda",
    ["feeder.replicaCount=0"],
    "keda.minReplicas is 0 and feeder.replicaCount is 0",
  ],
  [
    "a worker killed while it drains",
    "minimal",
    ["worker.drainTimeoutSeconds=91"],
    "worker.terminationGracePeriodSeconds (120) is less than worker.drainTimeoutSeconds + 30 (121)",
  ],
  ["no Redis", "minimal", ["redis.url="], "Redis is missing"],
  ["two Redis", "minimal", ["redis.urlSecret.name=x"], "give Redis exactly one way"],
  ["a password in the open", "minimal", ["redis.url=redis://u:p@redis"], "redis.url contains a password"],
  [
    "a password in the URL's query",
    "minimal",
    ["redis.url=redis://redis:6379/0?family=6&password=p"],
    "redis.url contains a password",
  ],
  ["a CA nobody asks", "minimal", ["redis.tls.caSecret=ca"], "redis.url does not begin with rediss://"],
  ["no cluster file", "minimal", ["foundationdb.clusterFile.existingSecret="], "The cluster file is missing"],
  [
    "two cluster files",
    "minimal",
    ["foundationdb.clusterFile.existingConfigMap=x"],
    "give the cluster file exactly one way",
  ],
  ...["extraEnv", "worker.extraEnv", "feeder.extraEnv", "jobs.extraEnv"].map(
    (where) =>
      [
        `a setting in two places, ${where}`,
        "minimal",
        [`${where}[0].name=FERRY_DRAIN_TIMEOUT`, `${where}[0].value=1h`],
        `${where} sets FERRY_DRAIN_TIMEOUT, which the chart sets from a value of its own`,
      ] as const,
  ),
  [
    "a budget that blocks every drain",
    "small",
    ["podDisruptionBudget.enabled=true"],
    "podDisruptionBudget.enabled is true with at most one worker",
  ],
  [
    "a budget that contradicts itself",
    "minimal",
    ["podDisruptionBudget.minAvailable=1"],
    "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are both set",
  ],
  [
    "a budget of nothing",
    "minimal",
    ["podDisruptionBudget.maxUnavailable=null"],
    "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are both null",
  ],
  ...(
    [
      ["minimal", "minAvailable=2", "minAvailable (2) lets none of 2 workers go"],
      ["minimal", "minAvailable=51%", "minAvailable (51%) lets none of 2 workers go"],
      ["autoscaling", "minAvailable=3", "minAvailable (3) lets none of 3 workers go, the fewest there may be"],
      ["minimal", "maxUnavailable=0", "maxUnavailable (0) lets none of 2 workers go"],
      ["minimal", "maxUnavailable=0%", "maxUnavailable (0%) lets none of 2 workers go"],
    ] as const
  ).map(
    ([values, budget, message]) =>
      [
        `a budget that nobody may go by, ${budget} of ${values}`,
        values,
        [
          ...(budget.startsWith("min") ? ["podDisruptionBudget.maxUnavailable=null"] : []),
          `podDisruptionBudget.${budget}`,
        ],
        `podDisruptionBudget.${message}`,
      ] as const,
  ),
  ["a scan of given actors", "commands", ["enqueue.actors[0]=a"], "exactly one of enqueue.scan and enqueue.actors"],
  ["an enqueue of nothing", "commands", ["enqueue.scan=false"], "exactly one of enqueue.scan and enqueue.actors"],
  ["a requeue of nothing", "commands", ["requeue.reason="], "exactly one of requeue.reason and requeue.actors"],
  [
    "a schedule whose campaigns' names would be too long",
    "commands",
    ["fullnameOverride=rivet-production-europe1"],
    "schedules.nightly names campaigns $(JOB_NAME), which has 41 characters in this release, and 40 are allowed",
  ],
  ["two monitors", "monitoring", ["metrics.podMonitor.enabled=true"], "every pod would be scraped twice"],
  [
    "alerts without runbooks",
    "monitoring",
    ["metrics.prometheusRule.runbookBaseUrl="],
    "metrics.prometheusRule.runbookBaseUrl is missing",
  ],
  [
    "ports upside down",
    "minimal",
    ["networkPolicy.foundationdb.port=4600"],
    "networkPolicy.foundationdb.port is higher than",
  ],
  // The schema's.
  ["an unknown value", "minimal", ["worker.concurency=8"], "additional properties 'concurency' not allowed"],
  [
    "an unknown setting in a schedule",
    "commands",
    ["schedules.retry.arg=x"],
    "additional properties 'arg' not allowed",
  ],
  ["a schedule without a command", "minimal", ["schedules.nightly.schedule=@daily"], "missing property 'args'"],
  ["a schedule's name that is too long", "commands", ["schedules.every-quarter-hour.suspend=true"], "does not match"],
  ["a number as text", "minimal", ["worker.concurrency=four"], "got string, want integer"],
  ["a level nobody knows", "minimal", ["log.level=loud"], "value must be one of"],
  ["a URL that is not Redis'", "minimal", ["redis.url=http://redis"], "does not match pattern"],
  ["a database that is no number", "minimal", ["redis.url=redis://redis:6379/queue"], "does not match pattern"],
  ["a Redis without a host", "minimal", ["redis.url=redis:///1"], "does not match pattern"],
  ...["", "nightly", "@nightly", "22 * * *", "0 22 * * * *", "0 22 * * mon!", "@every day", "@every 5"].map(
    (schedule) =>
      [
        `"${schedule}" as a schedule`,
        "commands",
        [`schedules.nightly.schedule=${schedule}`],
        "does not match pattern",
      ] as const,
  ),
  ["a duration without a unit", "minimal", ["migration.lease=30 seconds"], "does not match pattern"],
];

describeWith(["helm"], "the chart refuses", ({ helm }) => {
  const chart = new Chart(helm);

  for (const [title, values, set, message] of REFUSALS) {
    it(title, async () => {
      expect(await chart.refusal(values, ...set)).to.contain(message);
    });
  }

  it("no schedule that Kubernetes takes, and no URL that Ferry takes", async () => {
    for (const schedule of ["*/5 0-6 1,15 * MON-FRI", "0 22 ? JAN *", "@hourly", "@every 1h30m"]) {
      // In a list of `--set` a comma begins the next value.
      const set = `schedules.nightly.schedule=${schedule.replaceAll(",", "\\,")}`;
      expect((await chart.one("commands", "CronJob", "nightly", set)).spec?.schedule).to.equal(schedule);
    }
    for (const url of ["rediss://ferry@redis.example.com", "redis://redis:6379/", "redis://[::1]:6379/3?family=6"]) {
      expect(JSON.stringify(await chart.one("minimal", "ConfigMap", "", `redis.url=${url}`))).to.contain(url);
    }
  });

  it("everything that is wrong at once, each with what to write instead", async () => {
    const refusal = await chart.refusal("minimal", "redis.url=", "worker.drainTimeoutSeconds=200");
    expect(refusal).to.contain("2 value(s) need attention");
    expect(refusal).to.contain("Redis is missing: set redis.url");
    expect(refusal).to.contain("worker.terminationGracePeriodSeconds");
  });

  it("a Kubernetes that lacks what it uses", async () => {
    expect(await chart.refusalBy("1.26.0", "minimal")).to.contain("requires kubeVersion: >=1.27.0-0");
    expect(await chart.render("minimal")).not.to.deep.equal([]);
  });
});
