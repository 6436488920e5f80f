import { expect } from "chai";

import { Chart, MATRIX } from "./support/chart.ts";
import { containerOf, ofKind, podOf, type KubernetesObject } from "./support/kinds.ts";
import { describeWith } from "./support/tools.ts";

type Labels = Readonly<Record<string, string>>;

const kindsOf = (objects: readonly KubernetesObject[]): string[] =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();

const isSelected = (labels: Labels | undefined, selector: Labels | undefined): boolean =>
  selector !== undefined && Object.entries(selector).every(([key, value]) => labels?.[key] === value);

describeWith(["helm"], "the chart", ({ helm }) => {
  const chart = new Chart(helm);

  for (const values of MATRIX) {
    it(`passes helm lint --strict: ${values}`, async () => {
      await chart.lint(values);
    });
  }

  it("installs workers, a feeder and what they need, and nothing more", async () => {
    expect(kindsOf(await chart.render("minimal"))).to.deep.equal([
      "ConfigMap rel-ferry",
      "Deployment rel-ferry-feeder",
      "Deployment rel-ferry-worker",
      "NetworkPolicy rel-ferry",
      "Pod rel-ferry-test-endpoints",
      "Pod rel-ferry-test-store",
      "PodDisruptionBudget rel-ferry-worker",
      "Service rel-ferry-feeder",
      "Service rel-ferry-worker",
      "ServiceAccount rel-ferry",
    ]);
    expect(kindsOf(await chart.render("small"))).to.deep.equal([
      "ConfigMap lone",
      "Deployment lone-worker",
      "Service lone-worker",
    ]);
  });

  it("selects pods by name, instance and component only, which every pod carries", async () => {
    for (const values of MATRIX) {
      const objects = await chart.render(values);
      const deployments = ofKind(objects, "Deployment");
      for (const deployment of deployments) {
        const selector = deployment.spec?.selector.matchLabels ?? {};
        expect(Object.keys(selector).sort()).to.deep.equal([
          "app.kubernetes.io/component",
          "app.kubernetes.io/instance",
          "app.kubernetes.io/name",
        ]);
        expect(podOf(deployment).metadata.labels).to.include(selector);
      }
      const selecting = [
        ...ofKind(objects, "Service").map(({ metadata, spec }) => [metadata.name, spec?.selector] as const),
        ...ofKind(objects, "PodDisruptionBudget").map(
          ({ metadata, spec }) => [metadata.name, spec?.selector?.matchLabels] as const,
        ),
      ];
      for (const [name, selector] of selecting) {
        const selected = deployments.filter((deployment) => isSelected(podOf(deployment).metadata.labels, selector));
        expect(selected.map(({ metadata }) => metadata.name)).to.deep.equal([name]);
      }
    }
  });

  it("puts commonLabels and commonAnnotations everywhere, but not in a selector's place", async () => {
    const worker = await chart.one("placement", "Deployment", "-worker");
    for (const labels of [worker.metadata.labels, podOf(worker).metadata.labels]) {
      expect(labels).to.include({ team: "storage", "app.kubernetes.io/component": "worker" });
    }
    expect(podOf(worker).metadata.labels).to.include({ tier: "batch" });
    for (const { kind, metadata } of await chart.render("placement")) {
      if (!/-(extra|text)$/.test(metadata.name)) {
        expect(metadata.labels, kind).to.include({ team: "storage" });
        expect(metadata.annotations, kind).to.include({ contact: "storage@example.com" });
      }
    }
  });

  it("keeps names within Kubernetes' limits however long the release's", async () => {
    for (const { kind, metadata } of await chart.render(
      "commands",
      `fullnameOverride=${"a-long-name-".repeat(4).slice(0, 39)}x`,
      "schedules.nightly.args={campaign,list}",
    )) {
      expect(metadata.name.length, metadata.name).to.be.at.most(kind === "CronJob" ? 52 : 63);
    }
  });

  it("installs extraObjects, rendered as templates", async () => {
    const names = kindsOf(await chart.render("placement"));
    expect(names).to.include.members(["ConfigMap rel-extra", "ConfigMap rel-text"]);
  });
});

describeWith(["helm"], "monitors", ({ helm }) => {
  const chart = new Chart(helm);

  it("scrape workers and feeder, in the release's namespace, and keep the labels that alerts select by", async () => {
    const service = await chart.one("monitoring", "ServiceMonitor");
    const pod = await chart.one("podmonitor", "PodMonitor");
    for (const { metadata, spec } of [service, pod]) {
      expect(metadata.labels).to.include({ release: "prometheus" });
      expect(spec.namespaceSelector).to.deep.equal({ matchNames: ["ns"] });
      expect(spec.podTargetLabels).to.deep.equal(["app.kubernetes.io/instance", "app.kubernetes.io/component"]);
    }
    expect(service.metadata.namespace).to.equal("monitoring");
    expect(service.spec.endpoints).to.have.lengthOf(1);
    expect(service.spec.endpoints[0]).to.include({
      ...{ port: "metrics", path: "/metrics" },
      ...{ interval: "30s", scrapeTimeout: "10s" },
    });
    expect(service.spec.endpoints[0]?.relabelings).to.have.lengthOf(1);
    expect(service.spec.endpoints[0]?.metricRelabelings).to.have.lengthOf(1);
    expect(pod.spec.podMetricsEndpoints).to.deep.equal([{ port: "metrics", path: "/metrics", interval: "15s" }]);
  });

  it("select the Services, or the pods, of both, and no command's", async () => {
    const { selector } = (await chart.one("monitoring", "ServiceMonitor")).spec;
    expect(selector.matchExpressions).to.deep.equal([
      { key: "app.kubernetes.io/component", operator: "In", values: ["worker", "feeder"] },
    ]);
    const services = ofKind(await chart.render("monitoring"), "Service");
    expect(services.filter(({ metadata }) => isSelected(metadata.labels, selector.matchLabels))).to.have.lengthOf(2);
    expect((await chart.one("podmonitor", "PodMonitor")).spec.selector).to.deep.equal(selector);
  });
});

describeWith(["helm"], "helm test", ({ helm }) => {
  const chart = new Chart(helm);

  it("has pods that Helm removes, that ask workers and feeder, and read the store as a command does", async () => {
    for (const { metadata, spec } of ofKind(await chart.render("minimal"), "Pod")) {
      expect(metadata.annotations).to.include({
        "helm.sh/hook": "test",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
      });
      expect(spec?.restartPolicy).to.equal("Never");
    }
    const command = async (values: string, name: string): Promise<readonly string[]> =>
      containerOf(await chart.one(values, "Pod", name)).command ?? [];
    expect((await command("minimal", "-endpoints")).slice(5)).to.deep.equal([
      "http://rel-ferry-worker:9464",
      "http://rel-ferry-feeder:9464",
    ]);
    expect((await command("minimal", "-store")).slice(2)).to.deep.equal([
      ...["dist/src/cli/main.js", "campaign", "list", "--json"],
    ]);
    // A scaler may have taken the workers to zero.
    expect((await command("keda", "-endpoints")).slice(5)).to.deep.equal(["http://rel-ferry-feeder:9464"]);
  });
});

describeWith(["helm"], "the notes", ({ helm }) => {
  const chart = new Chart(helm);

  it("say what was installed and how to go on", async () => {
    const notes = await chart.notes("keda");
    expect(notes).to.contain("rel-ferry-worker: 0 to 30, scaled by KEDA");
    expect(notes).to.contain("exec deploy/rel-ferry-feeder -- ferry enqueue --scan");
    expect(notes).to.contain("helm test rel --namespace ns");
  });

  it("name a worker to run commands in where there is no feeder", async () => {
    for (const set of ["feeder.enabled=false", "feeder.replicaCount=0"]) {
      expect(await chart.notes("minimal", [set]), set)
        .to.contain("exec deploy/rel-ferry-worker -- ferry enqueue --scan")
        .and.contain("exec deploy/rel-ferry-worker -- ferry outcomes");
    }
  });

  it("warn of what is allowed and unwise", async () => {
    const notes = await chart.notes("small");
    for (const warning of [
      "tag is latest",
      "only one worker",
      "networkPolicy.enabled",
      "verify is off",
      "in the clear",
    ]) {
      expect(notes).to.contain(warning);
    }
    expect(notes).to.contain("campaigns are not fed");
    expect(await chart.notes("commands"))
      .to.contain("enqueue.enabled is true: an upgrade")
      .and.contain("requeue.enabled");
    expect(await chart.notes("keda")).to.contain("does not know keda.sh/v1alpha1");
    expect(await chart.notes("keda", [], ["keda.sh/v1alpha1"])).not.to.contain("does not know");
    expect(await chart.notes("secure", ["networkPolicy.redis.port=null"])).to.contain("port 6379 only");
    const fine = await chart.notes("secure", ["metrics.podMonitor.enabled=true"], ["monitoring.coreos.com/v1"]);
    expect(fine).not.to.contain("Worth a look");
  });
});
